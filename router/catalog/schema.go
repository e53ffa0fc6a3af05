package catalog

import (
	"strings"

	"github.com/heddle-mesh/heddle/router/sharding"
)

// TableSchema is a table as the shards have it. Immutable.
type TableSchema struct {
	Database    string // logical
	Name        string // logical
	Version     uint64 // changes whenever anything below does; plans that name the table depend on it
	View        bool
	Engine      string   // the storage engine, if what it does cannot be undone: Aria, MyISAM, …; empty for InnoDB and its kin
	Virtual     bool     // of numbers that its name says (seq_1_to_10): alike on every server that has such tables, and never written
	FoundOn     []string // data sources where an unlisted table was found, in the layout's order; nil for listed ones
	Columns     []Column // by ordinal position
	Indexes     []Index  // PRIMARY first, then by name
	ForeignKeys []ForeignKey
	Drift       *Drift // of a sharded table whose columns differ from shard to shard; nil: they do not
}

// Column is a column's definition.
type Column struct {
	Name          string
	Type          string // COLUMN_TYPE: "bigint(20) unsigned", lower case
	DataType      string // DATA_TYPE: "bigint"
	Charset       string // of character types
	Collation     string // of character types
	Nullable      bool
	HasDefault    bool   // a DEFAULT clause other than the implicit NULL
	Default       string // its text, as the server prints it; meaningful only with HasDefault
	OnUpdate      bool   // ON UPDATE CURRENT_TIMESTAMP
	AutoIncrement bool
	Generated     bool             // VIRTUAL or STORED: never given a value
	Expression    string           // of a generated column: its text, as the server prints it
	Invisible     bool             // not part of SELECT * nor of INSERT without a column list
	Key           sharding.KeyType // as a sharding key; Unsupported where the type cannot be one
}

// Index is a key.
type Index struct {
	Name     string // PRIMARY for the primary key
	Unique   bool
	FullText string // of a FULLTEXT key the table's storage engine
	Columns  []IndexColumn
}

// IndexColumn is one part of a key.
type IndexColumn struct {
	Name   string // empty for an expression
	Prefix int    // characters or bytes; 0: the whole column
}

// ForeignKey is a foreign key constraint.
type ForeignKey struct {
	Name        string // logical
	OfActual    bool   // every actual table calls it by its own name; see rewrite.ActualConstraint
	Columns     []string
	RefDatabase string // logical; empty: the table's own
	RefTable    string
	RefColumns  []string
	OnDelete    string // the action, upper case: "SET NULL"; empty: that of a constraint that names none
	OnUpdate    string
}

// Column finds a column by name, whose case never counts; nil when there is none.
func (t *TableSchema) Column(name string) *Column {
	for i := range t.Columns {
		if strings.EqualFold(t.Columns[i].Name, name) {
			return &t.Columns[i]
		}
	}
	return nil
}

// AutoIncrement is the column with AUTO_INCREMENT; nil when there is none.
func (t *TableSchema) AutoIncrement() *Column {
	for i := range t.Columns {
		if t.Columns[i].AutoIncrement {
			return &t.Columns[i]
		}
	}
	return nil
}

// UniqueOn reports whether a unique key has the column.
func (t *TableSchema) UniqueOn(column string) bool {
	for _, index := range t.Indexes {
		for _, part := range index.Columns {
			if index.Unique && strings.EqualFold(part.Name, column) {
				return true
			}
		}
	}
	return false
}

// KeyTypes are the types of the named columns as sharding keys, FamilyUnknown where there is no such column.
func (t *TableSchema) KeyTypes(columns []string) []sharding.KeyType {
	out := make([]sharding.KeyType, len(columns))
	for i, name := range columns {
		if c := t.Column(name); c != nil {
			out[i] = c.Key
		}
	}
	return out
}
