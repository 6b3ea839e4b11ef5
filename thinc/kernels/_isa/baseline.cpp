#define THINC_ISA baseline
#include "thinc/isa_table.hh"
