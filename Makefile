# What one does with Ebb's sources. `make test` and `make demo` install what is missing (as root,
# with apt-get) and need nothing else than cargo.

CARGO ?= cargo
DESTDIR ?=
PREFIX ?= /usr
TARGET = $(or $(CARGO_TARGET_DIR),target)
AGENTS = ebb-service ebb-files ebb-net ebb-notify ebb-sign

.PHONY: all build test explore lint tables matrix demo bench bench-politeness install

all: build

build:
	$(CARGO) build --locked --workspace --bins

# Everything: rules, crates, borders, and the whole with real processes and users. Without root it
# runs what needs none and says what it left out.
test:
	tests/run

# The property tests with forty times as many cases, and others in each run. What they find is mended,
# and gets a test of its own.
explore:
	PROPTEST_CASES=10000 $(CARGO) test --locked --release --workspace --exclude ebb-tests --no-fail-fast

lint:
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

# The generated pages under docs, written anew. As root; look at what has changed before it is kept.
tables: build
	EBB_REGENERATE=1 $(CARGO) test --locked -p ebb-core --test it -- errors
	EBB_REGENERATE=1 $(CARGO) test --locked -p ebb-service -- the_page_of_the_audit_log
	EBB_REGENERATE=1 $(CARGO) test --locked -p ebb-tests --test e2e -- state_table the_page_of_properties

# docs/server-matrix.md written anew: what we, curl, wget and aria2c make of servers that misbehave.
matrix: build
	tests/setup --for-matrix
	EBB_REGENERATE=1 $(CARGO) test --locked --workspace --test e2e -- server_matrix

# The model case with evidence: two identities, one download. Ends 0 only if all is as promised.
demo:
	demo/run

# Beside curl and aria2c: CPU seconds per GiB, and many small files. By itself: many jobs.
bench:
	bench/run
	bench/small-files
	bench/jobs

# Beside others, on a simulated access line: what they keep, and what is left. Half an hour.
bench-politeness:
	bench/politeness

# What libexec/ebb/ holds is not readable: the memory of a program one may run but not read is out of
# the reach of all other processes of its user, from the first instruction on.
# Afterwards, on a machine that runs: systemd-sysusers; systemd-tmpfiles --create ebb.conf;
# systemctl daemon-reload; systemctl enable --now ebbd.
install:
	$(CARGO) build --locked --release --workspace --exclude ebb-tests --bins
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/libexec/ebb
	install -m 0755 $(TARGET)/release/ebb $(DESTDIR)$(PREFIX)/bin/
	install -m 0755 $(TARGET)/release/ebbd $(DESTDIR)$(PREFIX)/sbin/
	install -m 0711 $(AGENTS:%=$(TARGET)/release/%) $(DESTDIR)$(PREFIX)/libexec/ebb/
	install -m 0755 dist/ebb-delegate $(DESTDIR)$(PREFIX)/libexec/ebb/
	install -D -m 0644 dist/ebbd.service $(DESTDIR)$(PREFIX)/lib/systemd/system/ebbd.service
	install -D -m 0644 dist/vault-key.conf $(DESTDIR)$(PREFIX)/share/doc/ebb/vault-key.conf
	install -D -m 0644 dist/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/ebb.conf
	install -D -m 0644 dist/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/ebb.conf
	install -D -m 0644 dist/org.ebb.Transfer1.conf \
	  $(DESTDIR)$(PREFIX)/share/dbus-1/system.d/org.ebb.Transfer1.conf
