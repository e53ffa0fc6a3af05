// Package importer reads what other sharding proxies are configured by (ShardingSphere's YAML, Vitess' VSchema, Gaea's
// namespaces, kingshard's YAML) and makes documents of Heddle's of it, with a report: what places rows as before, what places
// them otherwise, what has no equal here, and what is left to do by hand.
//
// It connects to nothing and moves nothing. A table that cannot be placed as before is still placed, and the report says that
// its rows have to be moved: left out, it would be taken for a single table. Its level: sidecar, below the command line.
package importer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// Level says what a note is about.
type Level string

// The levels, from the one that matters most.
const (
	Differs Level = "placed otherwise" // the rows have to be moved
	NoEqual Level = "no equal"         // what was configured is not there
	ToDo    Level = "to do"            // by hand, before the documents work
	Same    Level = "placed alike"     // the rows stay where they are
)

// Note is one line of the report.
type Note struct {
	Level Level  `json:"level"`
	What  string `json:"what"` // a table, or the path of a setting
	Text  string `json:"text"`
}

// Options are what a source's files do not say.
type Options struct {
	Types    map[string]string // SQL types of columns, by table.column
	Database string            // of files that name none
	Servers  []Server          // of Vitess, whose VSchema names no server: one for each shard
}

// Server is where a shard is.
type Server struct{ Shard, Address string }

// Result is what was made of the files.
type Result struct {
	Documents []*rule.Document
	Users     *rule.Users // nil: the files name none
	Notes     []Note
}

// importers are the sources, by name.
var importers = map[string]func(*run, *tree) error{
	"shardingsphere": (*run).shardingSphere,
	"vitess":         (*run).vitess,
	"gaea":           (*run).gaea,
	"kingshard":      (*run).kingshard,
}

// Sources lists the names of what can be imported.
func Sources() []string { return slices.Sorted(maps.Keys(importers)) }

// Import makes documents of the texts of files.
func Import(from string, texts [][]byte, o Options) (*Result, error) {
	read, ok := importers[from]
	if !ok {
		return nil, fmt.Errorf("unknown source %q (known: %s)", from, strings.Join(Sources(), ", "))
	}
	r := &run{Options: o, Result: &Result{}}
	for i, text := range texts {
		roots, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("file %d: %w", i+1, err)
		}
		for _, root := range roots {
			if err := read(r, root); err != nil {
				return nil, fmt.Errorf("file %d: %w", i+1, err)
			}
			for _, path := range root.unread("") {
				r.note(NoEqual, path, "was not understood, and is left out")
			}
		}
	}
	if len(r.Documents) == 0 && r.Users == nil {
		return nil, fmt.Errorf("nothing of %s was found in the files", from)
	}
	slices.SortStableFunc(r.Notes, func(a, b Note) int { return rank(a.Level) - rank(b.Level) })
	return r.Result, nil
}

func rank(l Level) int { return slices.Index([]Level{Differs, NoEqual, ToDo, Same}, l) }

// run is one import.
type run struct {
	Options
	*Result
}

func (r *run) note(level Level, what, format string, args ...any) {
	n := Note{level, what, fmt.Sprintf(format, args...)}
	if !slices.Contains(r.Notes, n) {
		r.Notes = append(r.Notes, n)
	}
}

// secret is a reference in place of a password that stands in clear.
func (r *run) secret(what, clear string) rule.Secret {
	if clear == "" {
		return ""
	}
	name := "HEDDLE_" + strings.ToUpper(strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return c
		}
		return '_'
	}, what)) + "_PASSWORD"
	r.note(ToDo, what, "its password is to be in the environment variable %s of each instance", name)
	return rule.Secret("env:" + name)
}

// user adds an account.
func (r *run) user(name, password string, databases []string) {
	if r.Users == nil {
		r.Users = &rule.Users{Format: rule.Format}
	}
	if slices.ContainsFunc(r.Users.Users, func(u rule.User) bool { return u.Name == name }) {
		return
	}
	r.Users.Users = append(r.Users.Users, rule.User{Name: name, Password: r.secret("user_"+name, password), Databases: databases})
}

// document finds the document of a database, or makes it.
func (r *run) document(database string) *rule.Document {
	for _, d := range r.Documents {
		if d.Database == database {
			return d
		}
	}
	d := &rule.Document{Format: rule.Format, Database: database}
	r.Documents = append(r.Documents, d)
	return d
}

// keyTypes are the types of a table's key as a document can state them: all or none, and none of text, whose collation only
// the servers know.
func (r *run) keyTypes(t *rule.Table) {
	var out []string
	for _, k := range t.Key {
		if family := r.family(t.Name, k); family == "" || family == "text" {
			return
		}
		out = append(out, r.Types[t.Name+"."+k])
	}
	t.KeyTypes = out
}

// family is the kind of a column's type; "" if nobody has said it.
func (r *run) family(table, column string) string {
	t, _, _ := strings.Cut(strings.ToLower(r.Types[table+"."+column]), "(")
	t, _, _ = strings.Cut(t, " ")
	switch {
	case t == "":
		return ""
	case strings.HasSuffix(t, "int") || t == "integer":
		return "integer"
	case strings.HasSuffix(t, "binary"):
		return "binary"
	case t == "date" || t == "datetime" || t == "timestamp":
		return "date"
	}
	return "text"
}

// elsewhere places a table that cannot be placed as it was.
func (r *run) elsewhere(t *rule.Table, format string, args ...any) {
	t.Algorithm = &rule.AlgorithmSpec{Type: "hash_mod"}
	if len(t.Key) == 0 {
		t.Algorithm.Type = "hint"
	}
	r.note(Differs, t.Name, "%s; it is placed by %s over the same tables, so that its rows have to be moved", fmt.Sprintf(format, args...), t.Algorithm.Type)
}

// hashOfNumbers is kingshard's and Gaea's hash, which is a remainder for numbers and CRC32 for text.
func (r *run) hashOfNumbers(t *rule.Table) {
	switch family := r.family(t.Name, t.Key[0]); family {
	case "", "integer":
		t.Algorithm = &rule.AlgorithmSpec{Type: "mod"}
		assumed := ""
		if family == "" {
			assumed = fmt.Sprintf(" (if %s holds whole numbers: --types %s.%s=TYPE says what it holds)", t.Key[0], t.Name, t.Key[0])
		}
		r.note(Same, t.Name, "hash of a whole number is its remainder, as mod has it%s; rows with negative keys are elsewhere", assumed)
	case "binary":
		t.Algorithm = &rule.AlgorithmSpec{Type: "hash_mod"}
		r.note(Same, t.Name, "hash of bytes is their CRC32, as hash_mod has it; texts of digits alone are elsewhere in Gaea")
	default:
		r.elsewhere(t, "hash of text is the CRC32 of its bytes, and Heddle's that of its weights, which are alike for what the column finds equal")
	}
}

// bounds are the borders between n nodes of so many keys each, from 0.
func bounds(n, limit int) []any {
	var out []any
	for i := 1; i < n; i++ {
		out = append(out, int64(i*limit))
	}
	return out
}

func spec(typ string, kv ...any) *rule.AlgorithmSpec {
	s := &rule.AlgorithmSpec{Type: typ}
	for i := 0; i < len(kv); i += 2 {
		if s.Properties == nil {
			s.Properties = sharding.Properties{}
		}
		s.Properties[kv[i].(string)] = kv[i+1]
	}
	return s
}

// interval places a table by date where the nodes are one period after another, which labels say.
func (r *run) interval(t *rule.Table, unit string, labels []string) {
	first, ok := periodStart(unit, labels[0])
	for i := range labels {
		want, _ := periodStart(unit, labels[i])
		ok = ok && want.Equal(stepped(first, unit, i))
	}
	if !ok {
		r.elsewhere(t, "its %ss are not one after the other without a gap", unit)
		return
	}
	t.Algorithm = spec("interval", "start", first.Format("2006-01-02"), "unit", unit)
	if r.family(t.Name, t.Key[0]) == "integer" {
		r.elsewhere(t, "%s holds seconds, and Heddle's interval wants dates", t.Key[0])
		return
	}
	r.note(Same, t.Name, "by the %s of %s", unit, t.Key[0])
}
