package session

import (
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/sysview"
)

// An account that lists databases has, as servers would put it, all privileges on those and none beside: it names no other
// database, and does nothing that takes a privilege on the server (files, accounts, FLUSH, global variables). The servers
// cannot see to it: they know the data source's account only.

// mayRun refuses what the account may not run.
func (s *Session) mayRun(st *parser.Statement) error {
	if s.who.Databases == nil || st == nil {
		return nil
	}
	for i := range st.Tables {
		t := &st.Tables[i]
		switch {
		case t.Schema == "" || t.CTE || s.permits(t.Schema):
		case t.Role == parser.RoleLock:
			return s.databaseDenied(t.Schema)
		default:
			return sqlerr.TableAccessDenied(verb(st.Kind), s.who.User, s.who.Host, t.Name)
		}
	}
	if err := s.mayUseServer(st); err != nil {
		return err
	}
	if err := s.mayCall(st); err != nil {
		return err
	}
	if err := s.mayMake(st); err != nil {
		return err
	}
	return s.mayRun(st.Inner)
}

func (s *Session) permits(db string) bool {
	return s.who.MayUse(db) || s.who.MayUse(strings.ToLower(db)) || s.ownDatabase(db)
}

func (s *Session) databaseDenied(db string) error {
	return sqlerr.DatabaseAccessDenied(s.who.User, s.who.Host, db)
}

// mayUseServer refuses what takes a privilege on the server.
func (s *Session) mayUseServer(st *parser.Statement) error {
	switch st.Kind {
	case parser.Account:
		return s.mayAdminister(st)
	case parser.Flush:
		return sqlerr.PrivilegeNeeded("RELOAD")
	case parser.Shutdown:
		return sqlerr.PrivilegeNeeded("SHUTDOWN")
	case parser.ReplicationAdmin:
		return sqlerr.PrivilegeNeeded("SUPER")
	case parser.LoadData:
		if !st.Local {
			return sqlerr.AccessDenied(s.who.User, s.who.Host, s.who.WithPassword)
		}
	case parser.SetTransaction:
		if st.Txn.Scope == parser.ScopeGlobal && st.Txn.Explicit {
			return sqlerr.PrivilegeNeeded("SUPER")
		}
	case parser.Show, parser.Describe:
		return s.mayShow(st)
	case parser.CreateDatabase, parser.AlterDatabase, parser.DropDatabase:
		if db := st.DDL.Name; db != "" && !s.permits(db) {
			return s.databaseDenied(db)
		}
	}
	if st.Uses.Has(parser.UseOutfile) || st.Uses.Has(parser.UseNonDeterministic) && readsFile(st) {
		return sqlerr.PrivilegeNeeded("FILE")
	}
	for _, list := range [][]parser.Assignment{st.Set, st.PrefixSet} {
		if err := maySet(list); err != nil {
			return err
		}
	}
	return nil
}

func readsFile(st *parser.Statement) bool {
	for _, at := range st.Uses.At {
		if at.Name == "LOAD_FILE" {
			return true
		}
	}
	return false
}

// mayAdminister refuses statements about accounts.
func (s *Session) mayAdminister(st *parser.Statement) error {
	switch first := st.Tokens[0]; {
	case first.Is("SET"):
		return s.databaseDenied("mysql")
	case first.Is("GRANT"), first.Is("REVOKE"):
		for i := range st.Tokens {
			if st.Tokens[i].Is(".") && i > 0 && st.Tokens[i-1].Ident() {
				return s.databaseDenied(st.Name(i - 1))
			}
		}
		return sqlerr.AccessDenied(s.who.User, s.who.Host, s.who.WithPassword)
	}
	return sqlerr.PrivilegeNeeded("CREATE USER")
}

// shownWith are the SHOW statements that take a privilege on the server, by how they begin.
var shownWith = []struct{ what, privilege string }{
	{"MASTER", "SUPER, BINLOG MONITOR"}, {"BINARY", "SUPER, BINLOG MONITOR"}, {"BINLOG", "SUPER, BINLOG MONITOR"},
	{"SLAVE", "SUPER, SLAVE MONITOR"}, {"ALL SLAVES", "SUPER, SLAVE MONITOR"}, {"REPLICA", "SUPER, SLAVE MONITOR"},
	{"ALL REPLICAS", "SUPER, SLAVE MONITOR"}, {"RELAYLOG", "REPLICA MONITOR"}, {"PROFILE", ""}, {"USER_STATISTICS", "SUPER, PROCESS"},
	{"CLIENT_STATISTICS", "SUPER, PROCESS"},
}

func (s *Session) mayShow(st *parser.Statement) error {
	d := st.Show
	db := d.DB
	if d.What == "CREATE DATABASE" {
		db = d.Object
	}
	switch {
	case db != "" && !s.permits(db):
		return s.databaseDenied(db)
	case d.What == "ENGINE" || strings.HasPrefix(d.What, "ENGINE "):
		return sqlerr.PrivilegeNeeded("PROCESS")
	case d.What == "CREATE USER":
		return s.databaseDenied("mysql")
	case d.What == "GRANTS" && !s.view().OwnGrants(st):
		return s.databaseDenied("mysql")
	}
	for _, w := range shownWith {
		if w.privilege != "" && strings.HasPrefix(d.What, w.what) {
			return sqlerr.PrivilegeNeeded(w.privilege)
		}
	}
	return nil
}

// restricted are session variables that take a privilege on the server.
var restricted = map[string]bool{
	"sql_log_bin": true, "sql_log_off": true, "binlog_format": true, "binlog_row_image": true, "binlog_annotate_row_events": true,
	"binlog_direct_non_transactional_updates": true, "gtid_domain_id": true, "gtid_seq_no": true, "gtid_next": true, "server_id": true,
	"skip_replication": true, "pseudo_thread_id": true, "pseudo_slave_mode": true, "pseudo_replica_mode": true, "debug": true, "debug_dbug": true,
	"debug_sync": true, "binlog_rows_query_log_events": true, "binlog_checksum": true, "wsrep_on": true, "system_versioning_insert_history": true,
}

func maySet(list []parser.Assignment) error {
	for i := range list {
		switch a := &list[i]; a.Scope {
		case parser.ScopeGlobal, parser.ScopePersist, parser.ScopePersistOnly:
			return sqlerr.PrivilegeNeeded("SUPER")
		case parser.ScopeUser:
		default:
			if restricted[a.Name] {
				return sqlerr.PrivilegeNeeded("SUPER, BINLOG ADMIN")
			}
		}
	}
	return nil
}

// mayCall refuses routines and sequences of other databases.
func (s *Session) mayCall(st *parser.Statement) error {
	if c := st.Called; c != nil && c.Schema != "" && !s.permits(c.Schema) {
		return sqlerr.RoutineAccessDenied("execute", s.who.User, s.who.Host, c.Schema+"."+c.Name)
	}
	if !st.Uses.Has(parser.UseUnknownFunction | parser.UseSequence) {
		return nil
	}
	for _, at := range st.Uses.At {
		owner := at.Tok - 2
		switch at.Use {
		case parser.UseSequence:
			owner -= 2 // db.sequence.NEXTVAL
		case parser.UseUnknownFunction:
		default:
			continue
		}
		if owner < 0 || !st.Tokens[owner].Ident() || !st.Tokens[owner+1].Is(".") {
			continue
		}
		if db := st.Name(owner); !s.permits(db) {
			return sqlerr.RoutineAccessDenied("execute", s.who.User, s.who.Host, db+"."+st.Name(at.Tok))
		}
	}
	return nil
}

// mayMake refuses objects of other databases, and stored programs that would reach them: programs run with the rights of
// the data source's account.
func (s *Session) mayMake(st *parser.Statement) error {
	d := st.DDL
	if d == nil && st.Kind != parser.Compound {
		return nil
	}
	if d != nil {
		if definer(st) {
			return sqlerr.PrivilegeNeeded("SUPER, SET USER")
		}
		if st.Kind == parser.OtherDDL {
			if err := s.mayMakeOther(st); err != nil {
				return err
			}
		}
	}
	return s.mayKeep(st.Body())
}

// definer reports whether a DEFINER other than the client itself is named.
func definer(st *parser.Statement) bool {
	for i, t := range st.Tokens {
		if t.Is("DEFINER") && i+2 < len(st.Tokens) && st.Tokens[i+1].Is("=") {
			return !st.Tokens[i+2].Is("CURRENT_USER")
		}
		if i > 12 {
			break
		}
	}
	return false
}

func (s *Session) mayMakeOther(st *parser.Statement) error {
	d := st.DDL
	foreign := d.Schema != "" && !s.permits(d.Schema)
	switch d.Object {
	case "procedure", "function", "package", "package body":
		if d.Soname {
			return s.databaseDenied("mysql")
		}
		if foreign && !st.Tokens[0].Is("CREATE") {
			return sqlerr.RoutineAccessDenied("alter routine", s.who.User, s.who.Host, d.Schema+"."+d.Name)
		}
	case "trigger", "event", "sequence":
	case "server":
		return sqlerr.PrivilegeNeeded("SUPER, FEDERATED ADMIN")
	default:
		if st.Tokens[0].Is("INSTALL") || st.Tokens[0].Is("UNINSTALL") {
			return sqlerr.TableAccessDenied("INSERT", s.who.User, s.who.Host, "plugin")
		}
		return sqlerr.PrivilegeNeeded("SUPER")
	}
	if foreign {
		return s.databaseDenied(d.Schema)
	}
	return nil
}

// mayKeep judges the body of a stored program.
func (s *Session) mayKeep(b *parser.Body) error {
	if b == nil {
		return nil
	}
	for _, n := range b.Names {
		if n.Schema == "" || !n.Table && !n.Call && !n.Called || s.permits(n.Schema) || isRow(n.Schema) {
			continue
		}
		return sqlerr.TableAccessDenied("SELECT", s.who.User, s.who.Host, n.Name)
	}
	if b.Opaque {
		return sqlerr.NotSupported("dynamic SQL in a stored program, for an account that is limited to databases")
	}
	if b.Uses.Has(parser.UseOutfile) || b.LoadsFile {
		return sqlerr.PrivilegeNeeded("FILE")
	}
	for _, inner := range b.Statements {
		if err := s.mayRun(inner); err != nil {
			return err
		}
	}
	for _, text := range b.Dynamic {
		inner, err := parser.Parse(text, s.mode)
		if err == nil {
			err = s.mayRun(inner)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isRow reports whether a qualifier is a trigger's row.
func isRow(name string) bool { return strings.EqualFold(name, "new") || strings.EqualFold(name, "old") }

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

// MayOpen reports why a client may not start in a database; nil if it may.
func (srv *Server) MayOpen(who Identity, db string) error {
	own := strings.EqualFold(db, sysview.Heddle) && (&sysview.View{Snapshot: srv.Catalogs.Current(), Own: srv.Tables}).OwnDatabase(db)
	if own {
		return nil
	}
	if !who.MayUse(db) {
		return sqlerr.DatabaseAccessDenied(who.User, who.Host, db)
	}
	if _, ok := srv.Catalogs.Current().Database(db); !ok && db != "information_schema" {
		return sqlerr.UnknownDatabase(db)
	}
	return nil
}
