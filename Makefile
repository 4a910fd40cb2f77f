# Names for the scripts; each works without make as well. See `scripts/`.

.PHONY: demo test test-long bench bench-quick ci

# A cluster on this machine: make demo, or make demo ARGS=--keep
demo:
	scripts/demo $(ARGS)

# Every test, with real daemons of other makers
test:
	scripts/test $(ARGS)

# More cases, slow tests, and a short benchmark
test-long:
	scripts/test-long

# Beside other daemons under the same load: make bench ARGS="--daemons ours,bird"
bench:
	scripts/bench $(ARGS)

# The same, small and in ten minutes
bench-quick:
	scripts/bench-quick $(ARGS)

# What must be green before a change is merged
ci:
	.ci/run
