package session

import (
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
)

// mayRun refuses a statement that names a database which the account does not list. The servers cannot refuse it: they
// know the data source's account only.
func (s *Session) mayRun(st *parser.Statement) error {
	if s.who.Databases == nil || st == nil {
		return nil
	}
	for i := range st.Tables {
		t := &st.Tables[i]
		if t.Schema != "" && !t.CTE && !s.who.MayUse(strings.ToLower(t.Schema)) && !s.who.MayUse(t.Schema) {
			return sqlerr.TableAccessDenied(verb(st.Kind), s.who.User, s.who.Host, t.Name)
		}
	}
	db := ""
	switch {
	case st.Show != nil:
		db = st.Show.DB
	case st.Kind == parser.CreateDatabase || st.Kind == parser.AlterDatabase || st.Kind == parser.DropDatabase:
		db = st.DDL.Name
	}
	if db != "" && !s.who.MayUse(db) {
		return sqlerr.DatabaseAccessDenied(s.who.User, s.who.Host, db)
	}
	switch st.Kind {
	case parser.Account, parser.Flush, parser.OtherDDL, parser.Compound, parser.Call:
		// Their names are not looked at one by one: what they reach beyond the account's databases cannot be told.
		if s.qualifies(st) {
			return sqlerr.NotSupported("a qualified name in this statement, for an account that is limited to databases")
		}
	}
	return s.mayRun(st.Inner)
}

// qualifies reports whether a dotted name occurs.
func (s *Session) qualifies(st *parser.Statement) bool {
	for i := range st.Tokens {
		if st.Tokens[i].Is(".") {
			return true
		}
	}
	return false
}

// verb is the privilege that a kind of statement needs, as servers name it.
func verb(k parser.Kind) string {
	switch k {
	case parser.Insert, parser.Replace, parser.LoadData:
		return "INSERT"
	case parser.Update:
		return "UPDATE"
	case parser.Delete:
		return "DELETE"
	case parser.CreateTable, parser.CreateTemporaryTable, parser.CreateView:
		return "CREATE"
	case parser.DropTable, parser.DropTemporaryTable, parser.DropView, parser.Truncate:
		return "DROP"
	case parser.AlterTable, parser.RenameTable:
		return "ALTER"
	case parser.CreateIndex, parser.DropIndex:
		return "INDEX"
	}
	return "SELECT"
}
