# Names for the scripts; each works without make as well. See `scripts/`.

.PHONY: demo test test-long ci

# A cluster on this machine: make demo, or make demo ARGS=--keep
demo:
	scripts/demo $(ARGS)

# Every test, with real daemons of other makers
test:
	scripts/test $(ARGS)

# More cases, slow tests, and the load tool
test-long:
	scripts/test-long

# What must be green before a change is merged
ci:
	.ci/run
