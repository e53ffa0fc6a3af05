// Package arch holds the rules of this repository as tests: which folder may import which, what every package must
// say of itself, and what is written nowhere. It reads source files with go/parser and needs neither a build nor a
// network. It is not a linter of style: only what ARCHITECTURE.md promises stands here. Level: tests.
package arch
