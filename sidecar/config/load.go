package config

import (
	"fmt"
	"os"
	"strings"
)

// Sources are the places a configuration comes from, weakest first: built-in defaults, the file, the environment,
// flags.
type Sources struct {
	File    string            // path of heddle.yaml; "" for none
	Environ []string          // NAME=value, as os.Environ gives it
	Flags   map[string]string // Field.Flag → text, only those that were given
}

// Default is a Config of defaults only.
func Default() *Config {
	c := &Config{origins: map[string]Origin{}}
	for _, f := range Fields() {
		text := f.Default
		if f.auto != nil {
			text = f.auto()
		}
		if err := f.setText(c, text); err != nil {
			panic("config: the table's default of " + f.describe(err))
		}
	}
	return c
}

// setText sets a field from its one-line form. "" unsets lists, maps, texts and references.
func (f *Field) setText(c *Config, text string) error {
	r, err := f.fromText(text)
	if err != nil {
		return err
	}
	return f.set(c, r)
}

// Load reads all sources. The error is a Problems with every unknown key and every bad value, or says that the file
// cannot be read. The Config is never nil: what was right is in it, so that Check can add what it finds to the same
// report. Load does not call Check.
func Load(src Sources) (*Config, error) {
	c := Default()
	var problems Problems
	if src.File != "" {
		text, err := os.ReadFile(src.File)
		if err != nil {
			return c, fmt.Errorf("read the configuration: %w", err)
		}
		problems = readFile(c, src.File, string(text))
	}
	problems = append(problems, readEnviron(c, src.Environ)...)
	problems = append(problems, readFlags(c, src.Flags)...)
	if c.Instance.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			name = "heddle"
		}
		c.Instance.Name = name
	}
	return c, problems.err()
}

func readEnviron(c *Config, environ []string) Problems {
	values := map[string]string{}
	for _, line := range environ {
		if name, value, ok := strings.Cut(line, "="); ok {
			values[name] = value
		}
	}
	var problems Problems
	for _, f := range Fields() {
		if text, ok := values[f.Env()]; ok {
			problems = append(problems, f.overlay(c, f.Env(), text)...)
		}
	}
	return problems
}

func readFlags(c *Config, flags map[string]string) Problems {
	var problems Problems
	for _, f := range Fields() {
		if text, ok := flags[f.Flag()]; ok {
			problems = append(problems, f.overlay(c, "--"+f.Flag(), text)...)
		}
	}
	return problems
}

func (f *Field) overlay(c *Config, source, text string) Problems {
	origin := Origin{Source: source}
	if err := f.setText(c, text); err != nil {
		return Problems{{Field: f.Name, Origin: origin, Message: f.describe(err)}}
	}
	c.origins[f.Name] = origin
	return nil
}

// UnknownEnv lists variables that begin with HEDDLE_ and are no field's, for a warning at the start. It is no error:
// secrets are referred to by variables of any name.
func UnknownEnv(environ []string) []string {
	known := map[string]bool{}
	for _, f := range Fields() {
		known[f.Env()] = true
	}
	var unknown []string
	for _, line := range environ {
		name, _, _ := strings.Cut(line, "=")
		if strings.HasPrefix(name, "HEDDLE_") && !known[name] {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// Origin says who set a field, by its dotted name; the zero Origin is the default.
func (c *Config) Origin(field string) Origin { return c.origins[field] }

// Value is a field's value as one line of text, by its dotted name; a secret is its reference. "" for an unknown field.
func (c *Config) Value(field string) string {
	if f, ok := Lookup(field); ok {
		return f.text(c)
	}
	return ""
}

// KeepStatic gives c the values that old has in the fields which change only at a start, and returns those that differed.
func (c *Config) KeepStatic(old *Config) []Change {
	var kept []Change
	for _, change := range Diff(old, c) {
		if change.Field.Reload {
			continue
		}
		kept = append(kept, change)
		if err := change.Field.setText(c, change.Old); err != nil {
			panic("config: a value that was accepted before: " + change.Field.describe(err))
		}
	}
	return kept
}

// Change is a field that differs between two configurations.
type Change struct {
	Field    *Field
	Old, New string
}

// Diff lists what changes from old to new, in the order of the table: what to apply and log at a reload. A change of
// a field whose Reload is false waits for the next start.
func Diff(old, new *Config) []Change {
	var changes []Change
	for _, f := range Fields() {
		if before, after := f.text(old), f.text(new); before != after {
			changes = append(changes, Change{Field: f, Old: before, New: after})
		}
	}
	return changes
}
