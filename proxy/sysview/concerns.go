package sysview

import (
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
)

// Concerns reports whether a statement is Answer's business. The error refuses one that would mix the servers' own
// dictionaries into what it writes. Where only a pass-through document is loaded PROCESSLIST alone is.
func (v *View) Concerns(st *parser.Statement) (bool, error) {
	if own, err := v.asksOwn(st); own || err != nil {
		return own, err
	}
	if !v.active() && (st.Kind == parser.Show || st.Kind == parser.Describe || !v.asksClients(st)) {
		return false, nil
	}
	switch st.Kind {
	case parser.Show, parser.Describe:
		return st.Show != nil && v.showConcerns(st), nil
	case parser.Explain, parser.Analyze:
		return false, nil
	}
	if name := v.eachOwn(st); name != "" {
		return false, sqlerr.NotSupported("the table " + name + ", which is each server's own")
	}
	if !v.asksInformationSchema(st) {
		return false, nil
	}
	switch st.Kind {
	case parser.Select, parser.Do, parser.Set:
		return true, nil
	}
	if about := v.firstSystem(st); about != "" {
		return false, sqlerr.NotSupported(st.Verb() + " with information_schema." + about)
	}
	return false, nil
}

// system reports whether a table occurrence is one of information_schema.
func (v *View) system(t *parser.TableRef) bool {
	if t.CTE || t.DeleteRef {
		return false
	}
	return isInformationSchema(t.Schema) || t.Schema == "" && isInformationSchema(v.Database) && !strings.EqualFold(t.Name, "dual")
}

// eachOwn names a table of the servers' own schemas whose rows are not the same on all of them.
func (v *View) eachOwn(st *parser.Statement) string {
	for i := range st.Tables {
		t := &st.Tables[i]
		schema, name := strings.ToLower(t.Schema), strings.ToLower(t.Name)
		if t.CTE || alike[schema] == nil || alike[schema](name) || !v.several() {
			continue
		}
		if _, declared := v.Snapshot.Database(t.Schema); !declared {
			return schema + "." + name
		}
	}
	return ""
}

// alike says of the servers' own schemas which tables are the same on all servers, or the connection's own.
var alike = map[string]func(table string) bool{
	"mysql":              func(t string) bool { return strings.HasPrefix(t, "time_zone") || strings.HasPrefix(t, "help_") },
	"performance_schema": func(t string) bool { return strings.HasSuffix(t, "_variables") || strings.HasSuffix(t, "_status") },
	"sys":                func(t string) bool { return t == "version" },
}

func (v *View) asksInformationSchema(st *parser.Statement) bool {
	for i := range st.Tables {
		if v.system(&st.Tables[i]) {
			return true
		}
	}
	return false
}

// firstSystem names the first table of information_schema whose rows are not the same everywhere.
func (v *View) firstSystem(st *parser.Statement) string {
	for i := range st.Tables {
		if t := &st.Tables[i]; v.system(t) {
			if about, ok := v.known(t.Name); !ok || about.scope != asItIs {
				return strings.ToUpper(t.Name)
			}
		}
	}
	return ""
}

// showConcerns reports whether a SHOW or DESCRIBE is about what differs between the servers and the logical one.
func (v *View) showConcerns(st *parser.Statement) bool {
	d := st.Show
	if anywhere[d.What] {
		return false
	}
	if len(st.Tables) != 1 || d.What == "INDEX" || d.What == "INDEXES" || d.What == "KEYS" || strings.HasPrefix(d.What, "CREATE ") {
		return true
	}
	db := st.Tables[0].Schema
	if db == "" {
		db = v.Database
	}
	place, ok := v.Snapshot.Place(db, st.Tables[0].Name)
	return !ok && db != "" && !isInformationSchema(db) || place.Kind == catalog.KindSharded
}

// anywhere are the SHOW statements that any server answers alike.
var anywhere = map[string]bool{
	"VARIABLES": true, "STATUS": true, "COLLATION": true, "CHARACTER SET": true, "CHARSET": true, "ENGINES": true,
	"STORAGE ENGINES": true, "PLUGINS": true, "PLUGINS SONAME": true, "PRIVILEGES": true, "AUTHORS": true,
	"CONTRIBUTORS": true, "LOCALES": true,
}
