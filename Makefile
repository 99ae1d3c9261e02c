# Everything that is needed besides Rust, Node.js and Python is set up by the targets themselves.

.PHONY: demo test test-real sdks soak bench compare

demo: target/shop/node_modules/complete
	cargo build --release --bin segmentd
	cargo build --release -p segmentd-simulators --bin demo
	target/release/demo $(ARGS)

test: sdks
	cargo test --workspace

# Against servers that are no doubles: a Vendure store (npm) and a Mailman core (PyPI), processes of their own on loopback.
test-real: target/real/store/node_modules/complete target/real/core/venv/complete
	SEGMENTD_REAL=1 cargo test -p segmentd --test real_servers -- --nocapture

target/real/store/node_modules/complete: tests/real/package.json
target/real/core/venv/complete: tests/real/requirements.txt

# The SDKs and the browser that the tests run.
sdks: target/sdk/node_modules/complete target/sdk/venv/complete
	tests/sdk/chromium.sh

target/shop/node_modules/complete: simulators/shop/package.json
target/sdk/node_modules/complete: tests/sdk/package.json

target/%/node_modules/complete:
	mkdir -p target/$*
	cp $< target/$*/
	cd target/$* && npm install --no-package-lock --no-audit --no-fund --silent
	touch $@

target/sdk/venv/complete: tests/sdk/requirements.txt

target/%/venv/complete:
	rm -rf target/$*/venv
	mkdir -p target/$*
	python3 -m venv target/$*/venv || { echo "on Debian: apt-get install python3-venv" >&2; exit 1; }
	target/$*/venv/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# As many random worlds as SEGMENTD_WORLDS says: engine against oracle; and as many kills of the daemon
# under load as SEGMENTD_CRASH_ROUNDS says, at instants drawn from SEGMENTD_SEED.
soak:
	SEGMENTD_WORLDS=$${SEGMENTD_WORLDS:-10000} CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true \
		cargo test --release -p segmentd-engine --test worlds -- --ignored --nocapture
	SEGMENTD_CRASH_ROUNDS=$${SEGMENTD_CRASH_ROUNDS:-100} SEGMENTD_SEED=$${SEGMENTD_SEED:-$$(date +%s)} \
		cargo test --release -p segmentd --test crashes after_kills -- --nocapture

# Figures of this build on this machine: intake, sustained, latency, memory, backfill; then of connections: deliveries, the past
# of a large shop, a Mailchimp list through faults.
bench:
	cargo build --release --bin segmentd
	cargo build --release -p segmentd-simulators --bin measure --bin shopify-sim
	target/release/segmentd bench intake
	target/release/segmentd bench sustained
	target/release/segmentd bench latency
	target/release/segmentd bench timers
	target/release/segmentd bench memory
	target/release/segmentd bench backfill
	target/release/measure hooks
	target/release/measure list
	target/release/measure backfill
	target/release/measure shared
	target/release/measure list --platform klaviyo --members 20000
	target/release/measure list --platform hubspot --members 5000
	target/release/measure walk --platform woocommerce --records 50000
	target/release/measure walk --platform hubspot --records 50000

# segmentd beside PostgreSQL, DuckDB and differential-dataflow (benches/compare/README.md). What is not there is left out:
# PostgreSQL comes with Debian's postgresql, DuckDB is installed from PyPI.
compare:
	cargo build --release --bin segmentd
	cargo build --release --manifest-path benches/compare/Cargo.toml --target-dir target/compare/build
	test -e target/compare/venv/complete || { rm -rf target/compare/venv && python3 -m venv target/compare/venv \
		&& target/compare/venv/bin/pip install --quiet --disable-pip-version-check -r benches/compare/requirements.txt \
		&& touch target/compare/venv/complete; } || echo "DuckDB could not be installed" >&2
	target/compare/build/release/segmentd-compare $(ARGS)
