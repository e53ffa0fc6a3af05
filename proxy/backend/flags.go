package backend

import (
	"strings"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Flags are the properties of a connection that are fixed when it logs in and that change the answers to statements.
// Connections of different flags are never exchanged for one another: they are part of a pool's key.
type Flags uint16

// The flags. Each stands for the capability of the same name, asked of the server only if set here and only if it
// offers it.
const (
	FlagFoundRows        Flags = 1 << iota // affected rows of an UPDATE are the matched ones
	FlagIgnoreSpace                        // sql_mode starts with IGNORE_SPACE
	FlagInteractive                        // wait_timeout starts as interactive_timeout
	FlagMultiStatements                    // the server runs a second statement: only for clients that asked for it
	FlagLocalFiles                         // LOAD DATA LOCAL may ask for a file
	FlagExtendedMetadata                   // MariaDB: column definitions carry type names
	FlagCacheMetadata                      // MariaDB: a prepared statement's columns may be left out
)

var flagTable = [...]struct {
	flag Flags
	cap  wire.Capability
	name string
}{
	{FlagFoundRows, wire.CapFoundRows, "found_rows"},
	{FlagIgnoreSpace, wire.CapIgnoreSpace, "ignore_space"},
	{FlagInteractive, wire.CapInteractive, "interactive"},
	{FlagMultiStatements, wire.CapMultiStatements, "multi_statements"},
	{FlagLocalFiles, wire.CapLocalFiles, "local_files"},
	{FlagExtendedMetadata, wire.CapMariaDBExtendedMetadata, "extended_metadata"},
	{FlagCacheMetadata, wire.CapMariaDBCacheMetadata, "cache_metadata"},
}

// FlagsOf picks from a client's capabilities those that a backend connection for it must have. MULTI_STATEMENTS is
// among them only if multi is true: a connection that has it runs a second statement for whoever sends one, so only a
// command that is known to hold several should travel on it.
func FlagsOf(client wire.Capability, multi bool) Flags {
	var f Flags
	for _, t := range flagTable {
		if client.Has(t.cap) {
			f |= t.flag
		}
	}
	if !multi {
		f &^= FlagMultiStatements
	}
	return f
}

// mustHave are the capabilities without which a statement's answer would differ without a word. Without the others a
// server refuses, or only leaves something out.
const mustHave = wire.CapFoundRows | wire.CapIgnoreSpace

func (f Flags) capabilities() wire.Capability {
	var c wire.Capability
	for _, t := range flagTable {
		if f&t.flag != 0 {
			c |= t.cap
		}
	}
	return c
}

// String lists the flags' names, joined by commas; "none" if there is none.
func (f Flags) String() string {
	var names []string
	for _, t := range flagTable {
		if f&t.flag != 0 {
			names = append(names, t.name)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ",")
}
