package sysview

import "strings"

// filter is what a statement's own conditions say of the rows that it can want. It spares questions and never decides:
// the statement's conditions are evaluated again by the server that runs it.
type filter struct {
	schema, table *string
	// exactSchema and exactTable: where names of schemas and tables have case, MariaDB looks these up as they are written
	// and finds nothing under another case, although the columns' collation has none.
	exactSchema, exactTable bool
}

// database reports whether rows of a database can be wanted.
func (f filter) database(name string) bool {
	return f.schema == nil || (!f.exactSchema || isInformationSchema(name)) && mayEqual(*f.schema, name) || *f.schema == name
}

// named reports whether rows of a table can be wanted.
func (f filter) named(table string) bool {
	return f.table == nil || !f.exactTable && mayEqual(*f.table, table) || *f.table == table
}

// mayEqual reports whether two texts can be equal under any collation without case; it errs on the side of yes.
func mayEqual(a, b string) bool {
	return !ascii(a) || !ascii(b) || strings.EqualFold(strings.TrimRight(a, " "), strings.TrimRight(b, " "))
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
