# make demo    set up MariaDB if it is missing, build, and run the handlersocket tests
# make test    every check; the last line is the sum
# make test-faults   the trials of docs/reliability.md, also those that take long: a thousand kills, an hour's soak
# make test-debug TREE=DIR   the suites of the builds that tests/setup/debug-tree made in DIR, with mysql-test-run.pl beside
# make bench   compare with mysql-test-run.pl (see tests/bench/run)

export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: demo test test-faults test-debug bench

demo:
	@tests/setup/mariadb demo
	@cargo build --release --locked
	@tests/setup/demo target/release/mtr-rs

test:
	@tests/all

test-faults:
	@tests/setup/mariadb test
	@cargo test --locked --test e2e faults -- --include-ignored --skip faults::kills::many
	@tests/faults/kills
	@tests/faults/soak

test-debug:
	@cargo build --locked
	@tests/debug/run $(TREE)

bench:
	@cargo build --release --locked
	@tests/bench/run target/release/mtr-rs
