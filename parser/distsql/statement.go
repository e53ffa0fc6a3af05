package distsql

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Verb is what a statement does.
type Verb string

// The verbs. Register, Alter and Create bring something in, Unregister, Unload and Drop take it out; the last are about no rule.
const (
	Register   Verb = "REGISTER"
	Unregister Verb = "UNREGISTER"
	Create     Verb = "CREATE"
	Alter      Verb = "ALTER"
	Drop       Verb = "DROP"
	Load       Verb = "LOAD"
	Unload     Verb = "UNLOAD"
	Set        Verb = "SET"
	Show       Verb = "SHOW"
	Count      Verb = "COUNT"
	Preview    Verb = "PREVIEW"
	Export     Verb = "EXPORT"
	Import     Verb = "IMPORT"
	Resolve    Verb = "RESOLVE"
	Enable     Verb = "ENABLE" // ALTER READWRITE_SPLITTING RULE … ENABLE, and DISABLE: no rule is changed
	Disable    Verb = "DISABLE"
	Other      Verb = "" // what is recognised and not read: Object says what it is
)

// Object is what a statement is about, in its own words.
type Object string

// The objects.
const (
	StorageUnit    Object = "STORAGE UNIT"
	TableRule      Object = "SHARDING TABLE RULE"
	ReferenceRule  Object = "SHARDING TABLE REFERENCE RULE"
	BroadcastRule  Object = "BROADCAST TABLE RULE"
	SingleTable    Object = "SINGLE TABLE"
	SingleDefault  Object = "DEFAULT SINGLE TABLE STORAGE UNIT"
	ReadwriteRule  Object = "READWRITE_SPLITTING RULE"
	TableNodes     Object = "SHARDING TABLE NODES"
	Algorithms     Object = "SHARDING ALGORITHMS"
	KeyGenerators  Object = "SHARDING KEY GENERATORS"
	RulesUsedUnit  Object = "RULES USED STORAGE UNIT"
	ShardingCount  Object = "SHARDING RULE"
	Configuration  Object = "DATABASE CONFIGURATION"
	PreviewedQuery Object = "QUERY"
	// What there is none of, since each rule says its own, and what tables of heddle tell.
	DefaultStrategy  Object = "DEFAULT SHARDING STRATEGY"
	UnusedAlgorithms Object = "UNUSED SHARDING ALGORITHMS"
	UnusedGenerators Object = "UNUSED SHARDING KEY GENERATORS"
	ReadwriteStatus  Object = "STATUS FROM READWRITE_SPLITTING RULES"
	ComputeNodes     Object = "COMPUTE NODES"

	Transaction  Object = "TRANSACTION"
	Transactions Object = "TRANSACTIONS"
)

// Statement is one statement.
type Statement struct {
	Verb     Verb
	Object   Object
	Database string // FROM or IN …; "": the client's
	// IfExists and IfNotExists: what is missing, or there already, is no error.
	IfExists, IfNotExists bool

	Units      []Unit
	Tables     []Table
	References []Reference
	Groups     []Group
	Names      []string // what DROP, UNREGISTER, LOAD, UNLOAD, SHOW … or SET DEFAULT names; "*" and "ds.*" among them; of ENABLE and DISABLE the rule and the replica
	Text       string   // the statement of PREVIEW, the file of EXPORT and IMPORT, or the name of a transaction

	// Commit, Force, Mended and Redo are of RESOLVE TRANSACTION: COMMIT, else ROLLBACK.
	Commit, Force, Mended, Redo bool
}

// Property is an entry of PROPERTIES, in the statement's order.
type Property struct{ Key, Value string }

// Type is TYPE(NAME=…, PROPERTIES(…)); Name is in lower case, "" where there is none.
type Type struct {
	Name       string
	Properties []Property
}

// Get finds a property.
func (t Type) Get(key string) (string, bool) {
	for _, p := range t.Properties {
		if strings.EqualFold(p.Key, key) {
			return p.Value, true
		}
	}
	return "", false
}

// Unit is a storage unit.
type Unit struct {
	Name, Host, Port, DB, URL, User, Password string
	Properties                                []Property
}

// Table is a sharding table rule: of Units and Type where it is automatic, of Nodes and strategies where it is not.
type Table struct {
	Name     string
	Units    []string
	Columns  []string // of an automatic rule
	Type     Type
	Nodes    []string
	Database *Strategy
	Table    *Strategy
	Generate *Generate
	Audited  bool
}

// Automatic reports whether the rule leaves the actual tables to the proxy.
func (t *Table) Automatic() bool { return len(t.Nodes) == 0 }

// Strategy is DATABASE_STRATEGY or TABLE_STRATEGY. Kind is in lower case.
type Strategy struct {
	Kind    string
	Columns []string
	Type    Type
	Named   string // an algorithm that is named and not described
}

// Generate is KEY_GENERATE_STRATEGY.
type Generate struct {
	Column string
	Type   Type
	Named  string
}

// Reference is a reference rule.
type Reference struct {
	Name   string
	Tables []string
}

// Group is a read/write splitting rule.
type Group struct {
	Name, Write   string
	Reads         []string
	Transactional string // TRANSACTIONAL_READ_QUERY_STRATEGY, in upper case
	Type          Type
}

// Error is a statement that cannot be read: what is wrong, and where.
type Error struct {
	Pos  int // byte offset in the text
	What string
}

// Error implements error.
func (e *Error) Error() string { return e.What }

// Explain is the error with the line of the text and a caret under the place.
func (e *Error) Explain(text string) string {
	pos := min(e.Pos, len(text))
	from := strings.LastIndexByte(text[:pos], '\n') + 1
	to := len(text)
	if n := strings.IndexByte(text[pos:], '\n'); n >= 0 {
		to = pos + n
	}
	column := utf8.RuneCountInString(text[from:pos])
	line := []rune(strings.ReplaceAll(strings.TrimRight(strings.ToValidUTF8(text[from:to], "?"), "\r"), "\t", " "))
	head := ""
	if column > 60 { // the caret stays on the screen
		head = "…"
		line, column = line[min(column-50, len(line)):], 51
	}
	if len(line) > 110 {
		line = append(line[:109:109], '…')
	}
	return fmt.Sprintf("%s at line %d column %d\n  %s%s\n  %s^", e.What, 1+strings.Count(text[:pos], "\n"),
		utf8.RuneCountInString(text[from:pos])+1, head, string(line), strings.Repeat(" ", column))
}
