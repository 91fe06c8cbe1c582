# What one does with Ebb's sources. `make test` and `make demo` install what is missing (as root,
# with apt-get) and need nothing else than cargo.

CARGO ?= cargo
DESTDIR ?=
PREFIX ?= /usr
TARGET = $(or $(CARGO_TARGET_DIR),target)
AGENTS = ebb-service ebb-files ebb-net ebb-notify ebb-sign

.PHONY: all build test explore lint tables matrix demo bench bench-politeness install install-files release deb

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
	EBB_REGENERATE=1 $(CARGO) test --locked -p ebb-tests --test e2e -- state_table the_page_of_properties the_page_of_polkit

# docs/server-matrix.md written anew: what we, curl, wget and aria2c make of servers that misbehave.
matrix: build
	tests/setup --for-matrix
	EBB_REGENERATE=1 $(CARGO) test --locked --workspace --test e2e -- server_matrix

# The model case with evidence: two identities, one download. Ends 0 only if all is as promised.
demo:
	demo/run

# Beside curl, wget2 and aria2c: one large file, here and over a long path, and many small files. By itself: many jobs.
bench:
	bench/run
	bench/long-path
	bench/small-files
	BENCH_RTT=50 BENCH_FILES=2000 BENCH_KIB=4 bench/small-files
	bench/jobs

# Beside others, on a simulated access line and in memory: what they keep, and what is left. An hour; pictures
# are in target/politeness.
bench-politeness:
	bench/politeness

# What libexec/ebb/ holds is not readable: the memory of a program one may run but not read is out of
# the reach of all other processes of its user, from the first instruction on.
# The message bus and polkit look below /usr alone: with another PREFIX Ebb is reached on its own socket.
# Afterwards, on a machine that runs: systemd-sysusers; systemd-tmpfiles --create ebb.conf;
# systemctl daemon-reload; systemctl enable --now ebbd.
install: release
	$(MAKE) install-files BIN=$(TARGET)/release

# Packages for Debian, in target/deb (or OUT).
OUT ?= $(TARGET)/deb
deb: release
	dist/deb/build $(TARGET)/release $(OUT)

release:
	$(CARGO) build --locked --release --workspace --exclude ebb-tests --bins

# Puts what is built in BIN where it belongs. The manual and the completions are the program's own words.
install-files:
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/libexec/ebb
	install -m 0755 $(BIN)/ebb $(DESTDIR)$(PREFIX)/bin/
	install -m 0755 $(BIN)/ebbd $(DESTDIR)$(PREFIX)/sbin/
	install -m 0711 $(AGENTS:%=$(BIN)/%) $(DESTDIR)$(PREFIX)/libexec/ebb/
	[ -z "$(STRIP)" ] || $(STRIP) $(DESTDIR)$(PREFIX)/bin/ebb $(DESTDIR)$(PREFIX)/sbin/ebbd \
	  $(DESTDIR)$(PREFIX)/libexec/ebb/*
	install -m 0755 dist/ebb-delegate $(DESTDIR)$(PREFIX)/libexec/ebb/
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/|$(PREFIX)/|' dist/ebbd.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/ebbd.service
	chmod 0644 $(DESTDIR)$(PREFIX)/lib/systemd/system/ebbd.service
	install -D -m 0644 dist/vault-key.conf $(DESTDIR)$(PREFIX)/share/doc/ebbd/vault-key.conf
	install -D -m 0644 dist/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/ebb.conf
	install -D -m 0644 dist/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/ebb.conf
	install -D -m 0644 dist/org.ebb.Transfer1.conf \
	  $(DESTDIR)$(PREFIX)/share/dbus-1/system.d/org.ebb.Transfer1.conf
	install -D -m 0644 dist/org.ebb.Transfer1.policy \
	  $(DESTDIR)$(PREFIX)/share/polkit-1/actions/org.ebb.Transfer1.policy
	install -D -m 0644 dist/org.ebb.Transfer1.service \
	  $(DESTDIR)$(PREFIX)/share/dbus-1/system-services/org.ebb.Transfer1.service
	install -d $(DESTDIR)$(PREFIX)/share/dbus-1/interfaces
	install -m 0644 crates/api/interfaces/*.xml $(DESTDIR)$(PREFIX)/share/dbus-1/interfaces/
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	$(BIN)/ebb manual > $(DESTDIR)$(PREFIX)/share/man/man1/ebb.1
	install -D -m 0644 dist/man/ebbd.8 $(DESTDIR)$(PREFIX)/share/man/man8/ebbd.8
	install -D -m 0644 dist/man/ebb.toml.5 $(DESTDIR)$(PREFIX)/share/man/man5/ebb.toml.5
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	  $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(BIN)/ebb completions bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/ebb
	$(BIN)/ebb completions zsh > $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_ebb
	$(BIN)/ebb completions fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/ebb.fish
	[ -e $(DESTDIR)/etc/ebb/ebb.toml ] || install -D -m 0644 dist/ebb.toml $(DESTDIR)/etc/ebb/ebb.toml
	[ -e $(DESTDIR)/etc/ebb/ebbd.conf ] || { install -D -m 0644 dist/ebbd.conf $(DESTDIR)/etc/ebb/ebbd.conf && \
	  { [ $(PREFIX) = /usr ] || echo 'libexec-dir = $(PREFIX)/libexec/ebb' >> $(DESTDIR)/etc/ebb/ebbd.conf; }; }
