"""Sequences of tags by beam search: every tag has a score, and so has every pair of neighbours."""
from cymem.cymem cimport Pool

from thinc.extra.search cimport Beam, MaxViolation, class_t, hash_t


cdef struct Prefix:
    # the state of a search: tags so far, and the last of them
    int length
    int tag


cdef void* new_prefix(Pool mem, int n, void* extra_args) except NULL:
    return mem.alloc(1, sizeof(Prefix))


cdef int take_tag(void* dest, void* src, class_t tag, void* extra_args) except -1:
    cdef int longest = (<int*>extra_args)[0]
    cdef Prefix* prefix = <Prefix*>src
    if prefix.length == longest:
        raise IndexError(f"a sequence of {longest} tags is complete")
    (<Prefix*>dest).length = prefix.length + 1
    (<Prefix*>dest).tag = <int>tag
    return 0


cdef hash_t last_tag(void* state, void* extra_args) except 0:
    # What comes next depends on the last tag alone: of the prefixes that share it, the best will do.
    return 2 + (<Prefix*>state).tag


cdef int is_complete(void* state, void* extra_args) except -1:
    return (<Prefix*>state).length == (<int*>extra_args)[0]


cdef class TagSearch:
    """The `width` best sequences of `length` tags."""
    cdef readonly Beam beam
    cdef int length
    cdef int nr_tag

    def __init__(self, int length, int nr_tag, int width):
        self.length = length
        self.nr_tag = nr_tag
        self.beam = Beam(nr_tag, width)
        self.beam.initialize(new_prefix, NULL, length, NULL)

    def step(self, scores, pairs, int gold=-1, bint only_gold=False):
        """Add a tag, given a score for each and for each pair. Others than `gold` cost 1, or are not allowed."""
        cdef Prefix* prefix
        cdef int i, tag
        cdef float score
        for i in range(<int>self.beam.size):
            prefix = <Prefix*>self.beam.at(i)
            for tag in range(self.nr_tag):
                score = scores[tag] + (pairs[prefix.tag][tag] if prefix.length > 0 else 0)
                self.beam.set_cell(i, tag, score, tag == gold or not only_gold, tag != gold)
        self.beam.advance(take_tag, last_tag, &self.length)

    def is_done(self):
        self.beam.check_done(is_complete, &self.length)
        return self.beam.is_done


def violation(scores, pairs, gold, int width):
    """Gradients for training: `MaxViolation` of the search for `scores` (length, nr_tag) and that for `gold`."""
    cdef TagSearch predicted, right
    cdef int nr_tag = len(pairs)
    cdef MaxViolation found = MaxViolation()
    predicted, right = TagSearch(len(scores), nr_tag, width), TagSearch(len(scores), nr_tag, width)
    for i, tag in enumerate(gold):
        predicted.step(scores[i], pairs, tag)
        right.step(scores[i], pairs, tag, only_gold=True)
        found.check_crf(predicted.beam, right.beam)
    return found
