package keygen

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Config is what a factory builds a Generator from.
type Config struct {
	Name       string         // of the sequence: database.table.column
	Properties map[string]any // string, int64, float64 or bool
	Clock      Clock          // nil: SystemClock
	Workers    WorkerIDs      // snowflake
	Ticks      *Ticks         // snowflake: the process's one; nil: one of its own
	Segments   Segments       // segment
	Ranges     *Ranges        // segment: the process's of this Name; nil: of its own
	Rand       io.Reader      // uuid; nil: crypto/rand
}

// Factory builds a Generator. It must not use Workers or Segments while building: documents are checked without.
type Factory func(Config) (Generator, error)

var builtin = map[string]Factory{
	"snowflake": newSnowflake,
	"segment":   newSegment,
	"uuid":      newUUID,
}

// Default is the generator of a column whose rule names none; DefaultAutoIncrement that of an AUTO_INCREMENT column
// for which no rule asks for a generator.
const (
	Default              = "snowflake"
	DefaultAutoIncrement = "segment"
)

// Types lists the names of the built-in generators, sorted.
func Types() []string { return slices.Sorted(maps.Keys(builtin)) }

// New builds the generator called typ.
func New(typ string, cfg Config) (Generator, error) {
	f, ok := builtin[typ]
	if !ok {
		return nil, fmt.Errorf("unknown key generator %q (known: %s)", typ, strings.Join(Types(), ", "))
	}
	g, err := f(cfg)
	if err != nil {
		return nil, fmt.Errorf("key generator %s: %w", typ, err)
	}
	return g, nil
}

// Check reports what is wrong with a generator's type and properties.
func Check(typ string, properties map[string]any) error {
	_, err := New(typ, Config{Properties: properties})
	return err
}
