# Everything that is needed besides Rust, Node.js and Python is set up by the targets themselves.

.PHONY: demo test soak bench

demo: target/shop/node_modules
	cargo build --release --bin segmentd
	cargo build --release -p segmentd-simulators --bin demo
	target/release/demo $(ARGS)

target/shop/node_modules: simulators/shop/package.json
	mkdir -p target/shop
	cp simulators/shop/package.json target/shop/
	cd target/shop && npm install --no-package-lock --no-audit --no-fund --silent
	touch $@

test:
	cargo test --workspace

# As many random worlds as SEGMENTD_WORLDS says: engine against oracle; and as many kills of the daemon
# under load as SEGMENTD_CRASH_ROUNDS says, at instants drawn from SEGMENTD_SEED.
soak:
	SEGMENTD_WORLDS=$${SEGMENTD_WORLDS:-10000} cargo test --release -p segmentd-engine --test worlds -- --ignored --nocapture
	SEGMENTD_CRASH_ROUNDS=$${SEGMENTD_CRASH_ROUNDS:-100} SEGMENTD_SEED=$${SEGMENTD_SEED:-$$(date +%s)} \
		cargo test --release -p segmentd --test crashes after_kills -- --nocapture

# Figures of this build on this machine: intake, sustained, latency, memory.
bench:
	cargo build --release --bin segmentd
	target/release/segmentd bench intake
	target/release/segmentd bench sustained
	target/release/segmentd bench latency
	target/release/segmentd bench memory
