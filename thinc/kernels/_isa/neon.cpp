#define THINC_ISA neon
#include "thinc/isa_table.hh"
