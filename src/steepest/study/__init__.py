"""Which method wins on a model, when each is tuned fairly.

A plan names a problem and methods; each method's step size is tuned on the development set with
the same budget, and the best is run again on fresh seeds and reported on the test set.
"""
