from ._range import penalize_range as penalize_range
