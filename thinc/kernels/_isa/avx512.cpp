#define THINC_ISA avx512
#include "thinc/isa_table.hh"
