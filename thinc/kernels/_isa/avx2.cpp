#define THINC_ISA avx2
#include "thinc/isa_table.hh"
