# Everything that is needed besides Rust is set up by the targets themselves.

.PHONY: test soak

test:
	cargo test --workspace

# As many random worlds as SEGMENTD_WORLDS says: engine against oracle.
soak:
	SEGMENTD_WORLDS=$${SEGMENTD_WORLDS:-10000} cargo test --release -p segmentd-engine --test worlds -- --ignored --nocapture
