package session

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rule"
)

// onSet is SET. What only the session can know it does itself; everything else is run by a server, which checks it,
// and the values that came of it are read back, so that any other connection can be brought to the same state.
func onSet(s *Session, ctx context.Context, x *execution) error {
	set := x.st.parsed.Set
	for i := range set {
		if set[i].Name == shardValueVar && set[i].Scope != parser.ScopeUser {
			return s.setShardValue(ctx, x)
		}
		if set[i].Name == transactionTypeVar && set[i].Scope != parser.ScopeUser {
			return s.setTransactionType(ctx, x)
		}
		if set[i].Name == readVar && set[i].Scope != parser.ScopeUser {
			return s.setRead(ctx, x)
		}
		if set[i].Name == "completion_type" && set[i].Scope != parser.ScopeUser && !set[i].Default {
			return s.writeError(sqlerr.NotSupported("SET completion_type"))
		}
		err := s.mayLimit(&set[i], x)
		if err == nil {
			err = s.mayTrack(&set[i], x)
		}
		if err == nil {
			err = s.mayDetach(&set[i])
		}
		if err != nil {
			return s.writeError(err)
		}
		if s.setsNext(x.st.parsed, &set[i]) {
			if len(set) > 1 {
				return s.writeError(sqlerr.NotSupported("SET @@" + set[i].Name + " beside other assignments"))
			}
			return s.respond(s.setNext(x, &set[i]))
		}
		if set[i].Name == "sql_auto_is_null" && set[i].Scope != parser.ScopeUser && !s.autoIsNull(x, &set[i]) {
			return s.writeError(sqlerr.NotSupported("SET sql_auto_is_null to anything but 0: shards do not know the last generated id of the others"))
		}
		switch set[i].Scope {
		case parser.ScopeRole, parser.ScopeDefaultRole, parser.ScopePassword:
			return s.writeError(sqlerr.NotSupported("SET ROLE and SET PASSWORD: accounts are those of the users document, and have no roles"))
		case parser.ScopeGlobal, parser.ScopePersist, parser.ScopePersistOnly, parser.ScopeResourceGroup:
			return s.setElsewhere(ctx, x)
		}
	}
	if len(set) == 1 && set[0].Name == "autocommit" && set[0].Scope != parser.ScopeUser {
		if on, ok := s.switchWord(x, &set[0]); ok {
			if err := s.setAutocommit(ctx, on); err != nil {
				return s.writeError(err)
			}
			return s.respond(s.trackSet(ctx, nil, x.st.parsed))
		}
	}
	if s.setReads(x.st.parsed) {
		return s.setFromTables(ctx, x)
	}
	if err := s.atHome(ctx, x.st.parsed); err != nil {
		return s.writeError(err)
	}
	failed := s.failures()
	err := s.onServer(ctx, x, set)
	for i := range set {
		if s.failures() == failed && s.txn == nil && set[i].Scope != parser.ScopeUser {
			s.unsetNext(isolationVars[set[i].Name], accessVars[set[i].Name])
		}
	}
	return err
}

// examined are the variables that limit how many rows a query may examine, and the values at which they limit nothing.
var examined = map[string]string{"sql_big_selects": "1", "max_join_size": "18446744073709551615", "sql_max_join_size": "18446744073709551615"}

// mayLimit refuses a limit of the rows that a query may examine where a server sees a part of them only. x is nil where
// the value is not looked at.
func (s *Session) mayLimit(a *parser.Assignment, x *execution) error {
	without, known := examined[a.Name]
	if !known || a.Default || a.Scope == parser.ScopeUser || !s.spreads() {
		return nil
	}
	if x != nil && a.Arg >= 0 {
		if v, err := x.args.Value(a.Arg); err == nil && string(v.AppendText(nil)) == without {
			return nil
		}
	}
	if x != nil && without == "1" && (a.Word == "ON" || a.Word == "TRUE") {
		return nil
	}
	return sqlerr.NotSupported("a limit by " + a.Name + " of the rows that a query may examine, over several shards")
}

// mayDetach refuses to have what is prepared be its connection's: recovery would not end that.
func (s *Session) mayDetach(a *parser.Assignment) error {
	session := a.Scope == parser.ScopeSession || a.Scope == parser.ScopeLocal || a.Scope == parser.ScopeOnce
	if !session || !backend.Detaches(a.Name) || s.srv.Flavour.MariaDB || !s.spreads() && len(s.srv.Catalogs.Current().Layouts()) < 2 {
		return nil
	}
	return sqlerr.DetachingIsKept(a.Name)
}

// spreads reports whether any database is on several shards.
func (s *Session) spreads() bool {
	return slices.ContainsFunc(s.srv.Catalogs.Current().Layouts(), (*rule.Layout).Spread)
}

// autoIsNull reports whether the session can have a value of sql_auto_is_null: 0, or any on a database of one server.
func (s *Session) autoIsNull(x *execution, a *parser.Assignment) bool {
	if layout, ok := s.srv.Catalogs.Current().Database(s.db); ok && layout.Database == "" || a.Default {
		return true
	}
	on, ok := s.switchWord(x, a)
	return ok && !on
}

// setReads reports whether a SET reads tables that may be on other servers than the session's own questions are.
func (s *Session) setReads(st *parser.Statement) bool {
	layout, ok := s.srv.Catalogs.Current().Database(s.db)
	return readsTables(st) && (!ok || layout.Database != "")
}

// atHome refuses a statement of the session's own, or its expressions, whose stored functions do not all work where it
// asks its questions.
func (s *Session) atHome(ctx context.Context, st *parser.Statement) error {
	if !st.Uses.Has(parser.UseUnknownFunction | parser.UseWordCall) {
		return nil
	}
	planned, err := s.planStatement(ctx, st)
	if err != nil {
		return err
	}
	p := planned.plan
	if p.Program == nil {
		return nil
	}
	home, _, err := s.home()
	if route, ok := p.Root.(*plan.Route); err == nil && (!ok || route.Targets[0].DataSource != home || len(p.Program.Vars) > 0) {
		err = sqlerr.NotSupported("a stored function in an expression of SET, EXECUTE or information_schema, which needs another data source or sets user variables")
	}
	return err
}

// setElsewhere is SET of what is not the session's: it is passed to the server where there is only one.
func (s *Session) setElsewhere(ctx context.Context, x *execution) error {
	if s.severalServers() {
		return s.writeError(sqlerr.NotSupported("SET of a variable that is not the session's, over several servers"))
	}
	if err := keepsGlobal(x.st.parsed.Set); err != nil {
		return s.writeError(err)
	}
	defer s.srv.settled.forget()
	return s.onServer(ctx, x, x.st.parsed.Set)
}

// severalServers reports whether there is more than one data source, or none.
func (s *Session) severalServers() bool {
	sources := map[string]bool{}
	for _, l := range s.srv.Catalogs.Current().Layouts() {
		for i := range l.DataSources {
			sources[l.DataSources[i].Name] = true
		}
	}
	return len(sources) != 1
}

// switchWord reads a literal on or off.
func (s *Session) switchWord(x *execution, a *parser.Assignment) (on, ok bool) {
	switch a.Word {
	case "ON", "TRUE":
		return true, true
	case "OFF", "FALSE":
		return false, true
	}
	if a.Default {
		return s.srv.Initial.Autocommit, true
	}
	if a.Arg < 0 {
		return false, false
	}
	v, err := x.args.Value(a.Arg)
	if err != nil || v.Kind != sqltypes.KindInt || v.Int != 0 && v.Int != 1 {
		return false, false
	}
	return v.Int == 1, true
}

// setAutocommit switches autocommit; switching it on commits.
func (s *Session) setAutocommit(ctx context.Context, on bool) error {
	if on && !s.autocommit {
		if err := s.commit(ctx); err != nil {
			return err
		}
	}
	s.switchAutocommit(on)
	return nil
}

// switchAutocommit is setAutocommit without an open transaction. The pools' own connections are in autocommit.
func (s *Session) switchAutocommit(on bool) {
	s.autocommit = on
	if on {
		s.state.UnsetVar("autocommit")
	} else {
		s.state.SetVar("autocommit", "0")
	}
}

// onServer runs a SET as it stands on a server of the database and reads the values back.
func (s *Session) onServer(ctx context.Context, x *execution, set []parser.Assignment) error {
	defer s.settle(ctx)
	ds, schema, err := s.home()
	if err != nil {
		return s.writeError(err)
	}
	text, err := s.interpolated(x)
	if err == nil {
		text, err = s.systemSet(ctx, x.st.parsed, text)
	}
	if err != nil {
		return s.writeError(err)
	}
	locks := x.st.parsed.Uses.Has(parser.UseLock)
	if home := s.lockPlace(); locks && home != ds {
		ds, schema = home, ""
	}
	key := s.settledKey(x.st.parsed, text, ds)
	before, due := s.srv.settled.recall(key)
	if before != nil && !due {
		return s.resettle(ctx, x.st.parsed, before)
	}
	h, err := s.hold(ctx, ds, schema, backend.NeedUserVars|needs(x.st.parsed))
	for noConnection(err) && !locks && !s.srv.Pools.Up(ds) && before == nil {
		next, in := s.living(ds, schema)
		if next == ds {
			break
		}
		ds, schema = next, in
		h, err = s.hold(ctx, ds, schema, backend.NeedUserVars|needs(x.st.parsed))
	}
	if before != nil && noConnection(err) {
		return s.resettle(ctx, x.st.parsed, before)
	}
	if err != nil {
		return s.writeError(err)
	}
	names := readBack(x.st.parsed, set, s.srv.Flavour)
	at := &plan.Target{DataSource: ds, Schema: schema, Database: s.db} // of what the SET names
	s.touched(x, h)
	ok, err := h.lease.Conn().Exec(ctx, text)
	if err != nil && s.endLost(ctx, h, err) {
		err = sqlerr.DeadlockSuspected()
	}
	if e := sqlerr.As(err); e != nil {
		err = s.logicalError(e, &plan.Route{}, at)
	}
	if err == nil {
		err = s.warnings(ctx, h, &plan.Route{}, at, ok.Warnings)
		if s.toldAtPreparation(x, set) {
			s.diag.reset()
		}
	}
	if locks {
		s.followLocks(ctx, x, h)
	}
	if err == nil {
		err = s.adopt(ctx, h, names, set)
	}
	if err == nil {
		err = s.trackSet(ctx, h, x.st.parsed)
	}
	if err != nil {
		s.saidInVain(ctx, x.st.parsed, h)
		// What the SET has changed before it failed is not known: the connection is brought back by its end.
		h.lease.Conn().Taint("a SET that failed")
		return s.writeError(err)
	}
	if key != "" && ok.Warnings == 0 {
		s.srv.settled.remember(key, effect{vars: maps.Collect(s.state.Vars())})
	}
	s.diag.rowCount = 0
	return s.sendOK(&wire.OK{Warnings: s.diag.count()})
}

// toldAtPreparation reports whether a client has heard what a server says of a SET when it was prepared: MySQL reads what SET NAMES and
// SET CHARACTER SET name once.
func (s *Session) toldAtPreparation(x *execution, set []parser.Assignment) bool {
	if s.srv.Flavour.MariaDB || !x.executed && x.form != exec.BinaryRows {
		return false
	}
	return !slices.ContainsFunc(set, func(a parser.Assignment) bool {
		return a.Scope != parser.ScopeNames && a.Scope != parser.ScopeCharacterSet
	})
}

// home is where the session's own questions are asked: the default data source of its database, or the first there is; where
// its server is down, another.
func (s *Session) home() (dataSource, schema string, err error) {
	if dataSource, schema, err = s.properHome(); err == nil {
		dataSource, schema = s.living(dataSource, schema)
	}
	return dataSource, schema, err
}

// properHome is home whether its server lives or not.
func (s *Session) properHome() (dataSource, schema string, err error) {
	snap := s.srv.Catalogs.Current()
	if layout, ok := snap.Database(s.db); ok && s.db != "" {
		name := layout.DefaultDataSource
		if layout.Database == "" {
			return name, s.db, nil
		}
		return name, layout.DataSource(name).Schema, nil
	}
	for _, layout := range snap.Layouts() {
		if len(layout.DataSources) > 0 {
			return layout.DefaultDataSource, "", nil
		}
	}
	return "", "", sqlerr.NoDatabase()
}

// readBack lists the expressions whose values a SET has changed.
func readBack(st *parser.Statement, set []parser.Assignment, flavour parser.Flavour) []string {
	if st.Kind == parser.SetTransaction {
		return transactionVars(flavour)
	}
	var out []string
	for i := range set {
		switch set[i].Scope {
		case parser.ScopeUser:
			out = append(out, "@`"+strings.ReplaceAll(set[i].Name, "`", "``")+"`")
		case parser.ScopeNames, parser.ScopeCharacterSet:
			out = append(out, "@@character_set_client", "@@character_set_results", "@@character_set_connection", "@@collation_connection")
		case parser.ScopeSession, parser.ScopeLocal, parser.ScopeOnce:
			out = append(out, "@@"+set[i].Name)
			switch set[i].Name {
			case "character_set_connection":
				out = append(out, "@@collation_connection")
			case "collation_connection":
				out = append(out, "@@character_set_connection")
			}
		}
	}
	if generatesUnseen(st) {
		out = append(out, "@@last_insert_id")
	}
	return out
}

// transactionVars are the variables of SET SESSION TRANSACTION, by the names that the server knows.
func transactionVars(flavour parser.Flavour) []string {
	if flavour.MariaDB && flavour.Version < 110101 || !flavour.MariaDB && flavour.Version < 50720 {
		return []string{"@@tx_isolation", "@@tx_read_only"}
	}
	return []string{"@@transaction_isolation", "@@transaction_read_only"}
}

// oneShot are variables whose value is spent by the next statement, or that no other connection can be given.
var oneShot = map[string]bool{"insert_id": true, "rand_seed1": true, "rand_seed2": true, "pseudo_thread_id": true}

// oneRow has a server compute expressions. The LIMIT is stronger than a sql_select_limit of the session, which may be 0.
func oneRow(ctx context.Context, h *held, expressions ...string) ([]sqltypes.Column, sqltypes.Row, error) {
	columns, rows, err := h.lease.Conn().QueryRows(ctx, oneRowText(expressions))
	return theRow(columns, rows, len(expressions), err)
}

func oneRowText(expressions []string) string {
	return "SELECT " + strings.Join(expressions, ", ") + " LIMIT 1"
}

func theRow(columns []sqltypes.Column, rows []sqltypes.Row, expressions int, err error) ([]sqltypes.Column, sqltypes.Row, error) {
	if err != nil {
		return nil, nil, err
	}
	if len(rows) != 1 || len(rows[0]) != expressions {
		return nil, nil, sqlerr.Internal("a question for values was not answered with one row of them")
	}
	return columns, rows[0], nil
}

// charsetVariable reports whether a variable has a say in the charset of what is sent.
func charsetVariable(name string) bool {
	return name == "character_set_client" || name == "character_set_results" || name == "character_set_connection" || name == "collation_connection"
}

// adopt reads the values back and makes them the session's.
func (s *Session) adopt(ctx context.Context, h *held, names []string, set []parser.Assignment) error {
	for some := range slices.Chunk(names, askedAtOnce) {
		if err := s.adoptSome(ctx, h, some, set); err != nil {
			if e := sqlerr.As(err); e != nil && e.Code == sqlerr.CodeOutOfSortMemory {
				doubt(h, names)
			}
			return err
		}
	}
	return nil
}

// askedAtOnce is how many values are read back by one question: its answer has up to four columns for each, and some thousands at the
// most.
const askedAtOnce = 500

func (s *Session) adoptSome(ctx context.Context, h *held, names []string, set []parser.Assignment) error {
	// A text comes in character_set_results and says nothing of its own collation: that is asked for, and its bytes.
	var asked []string
	for _, name := range names {
		if asked = append(asked, name); !strings.HasPrefix(name, "@@") {
			asked = append(asked, "CHARSET("+name+")", "COLLATION("+name+")", "HEX("+name+")")
		}
	}
	room := s.roomToKeep()
	defer room.giveBack()
	columns, rows, err := h.lease.Conn().QueryRowsWithin(ctx, room.take, oneRowText(asked))
	columns, row, err := theRow(columns, rows, len(asked), err)
	if err != nil {
		return err
	}
	describes := -1 // a text that says how the server describes those that it sends
	var need backend.Need
	toDefault := map[string]bool{}
	for i := range set {
		toDefault["@@"+set[i].Name] = set[i].Default
	}
	for i, n := 0, 0; n < len(names); n++ {
		name, cell, column := names[n], row[i], &columns[i]
		i++
		if strings.HasPrefix(name, "@@") {
			if charsetVariable(name[2:]) && cell != nil {
				describes = i - 1
			}
			if err := s.adoptVariable(ctx, h, name[2:], cell, column, toDefault[name]); err != nil {
				return err
			}
			continue
		}
		need = backend.NeedUserVars // which the connection has been given before; of a statement without them that is not known
		own := row[i : i+3]
		for k := range own {
			if charset, _, ok := s.srv.collation(columns[i+k].Collation); ok {
				own[k] = wideCharsets[charset].narrow(own[k])
			}
		}
		i += 3
		user := userName(name)
		if cell == nil {
			s.unsetUserVar(user)
		} else if err := s.setUserVar(user, s.userLiteral(cell, column, own)); err != nil {
			return err
		}
	}
	if describes >= 0 {
		s.describes(columns[describes].Collation)
	}
	s.modeChanged()
	h.lease.Adopt(s.state, need)
	return nil
}

func (s *Session) adoptVariable(ctx context.Context, h *held, name string, cell []byte, column *sqltypes.Column, toDefault bool) error {
	switch {
	case oneShot[name]:
		s.pinned(h, "SET "+name) // the value lives in this connection
		return nil
	case backend.Tracks(name):
		// It is the client's; the connection keeps what tells Heddle of it.
		if toDefault {
			s.state.UnsetVar(name)
		} else {
			s.state.SetVar(name, variableLiteral(cell, column))
		}
		return h.lease.KeepTracking(ctx, name)
	case name == "autocommit":
		return s.setAutocommit(ctx, string(cell) == "1")
	case name == "last_insert_id" || name == "identity":
		id, err := strconv.ParseUint(string(cell), 10, 64)
		if err == nil {
			s.diag.lastID = id
			s.state.SetLastInsertID(id)
		}
		return nil
	case toDefault:
		s.state.UnsetVar(name)
		return h.lease.Default(ctx, name)
	case cell == nil:
		s.state.SetVar(name, "NULL")
	default:
		if charset, _, ok := s.srv.collation(column.Collation); ok {
			cell = wideCharsets[charset].narrow(cell) // what is read back comes in character_set_results, the new one
		}
		s.state.SetVar(name, variableLiteral(cell, column))
	}
	return nil
}

// variableLiteral writes the value of a system variable.
func variableLiteral(cell []byte, column *sqltypes.Column) string {
	if column.Type.IsInteger() || column.Type.IsDecimal() || column.Type.IsFloat() {
		return string(cell)
	}
	return string(sqltypes.StringValue(string(cell)).AppendSQL(nil))
}

// userLiteral writes a user variable's value so that it reads the same under any sql_mode and charset, and has the same
// type and collation. own is the value's charset, its collation and its bytes in hex.
func (s *Session) userLiteral(cell []byte, column *sqltypes.Column, own sqltypes.Row) string {
	if column.Type.IsInteger() || column.Type.IsDecimal() || column.Type.IsFloat() {
		return s.literal(cell, column)
	}
	hex := "x'" + string(own[2]) + "'"
	if charset := string(own[0]); charset != "binary" {
		return "_" + charset + " " + hex + " COLLATE " + string(own[1])
	}
	return hex
}

// modeChanged follows variables that change how texts read, and what plans depend on.
func (s *Session) modeChanged() {
	s.wide = s.wideResults()
	if v, ok := s.state.Var("sql_mode"); ok {
		s.mode.SQLMode = parser.ParseSQLMode(plainText(v))
	} else {
		s.mode.SQLMode = parser.ParseSQLMode(s.srv.Initial.SQLMode)
	}
	if s.client.Caps.Has(wire.CapIgnoreSpace) {
		s.mode.SQLMode |= parser.IgnoreSpace
	}
	charset := s.srv.Initial.Charset
	if v, ok := s.state.Var("character_set_client"); ok {
		charset = plainText(v)
	}
	s.mode.Charset = parser.ParseCharset(charset)
	s.modeSet = s.mode.SQLMode
	s.router.Keyer.Charset = s.srv.Initial.Charset
	if v, ok := s.state.Var("character_set_connection"); ok {
		s.router.Keyer.Charset = plainText(v)
	}
	s.router.Keyer.Zone = nil
	if v, ok := s.state.Var("time_zone"); ok {
		s.router.Keyer.Zone = fixedZone(plainText(v))
	}
	s.rekey()
}

// fixedZone reads a time_zone that is an offset; nil for others: what a server's tables of zones say, or its system, a
// server is asked for.
func fixedZone(text string) *time.Location {
	hours, minutes, _ := strings.Cut(text, ":")
	if hours == "" || hours[0] != '+' && hours[0] != '-' {
		return nil
	}
	h, err := strconv.Atoi(hours[1:])
	m, errMinutes := strconv.Atoi(minutes)
	if err != nil || errMinutes != nil || h < 0 || h > 14 || m < 0 || m > 59 {
		return nil
	}
	offset := (h*60 + m) * 60
	if hours[0] == '-' {
		offset = -offset
	}
	return time.FixedZone(text, offset)
}

// modeStatus are the status flags that sql_mode decides: the session's, whatever a statement was prepared under.
func (s *Session) modeStatus() wire.Status {
	var st wire.Status
	if s.modeSet.Has(parser.NoBackslashEscapes) {
		st |= wire.StatusNoBackslashEscapes
	}
	if s.modeSet.Has(parser.ANSIQuotes) && s.srv.Flavour.MariaDB {
		st |= wire.StatusAnsiQuotes
	}
	return st
}

// rekey rebuilds what a plan depends on beside the text.
func (s *Session) rekey() {
	collation, _ := s.state.Var("collation_connection")
	k := append(s.keyPrefix[:0], s.db...)
	k = append(k, 0)
	k = strconv.AppendUint(k, uint64(s.mode.SQLMode), 36)
	k = append(k, 0, byte(s.mode.Charset))
	k = append(k, collation...)
	s.keyPrefix = append(k, 0)
}

// waitTimeout is the session's own wait_timeout, or the configured one if it has set none.
func (s *Session) waitTimeout() time.Duration {
	name := "wait_timeout"
	if v, ok := s.state.Var(name); ok {
		if n, err := strconv.Atoi(v); err == nil {
			return time.Duration(n) * time.Second
		}
	}
	if s.client.Caps.Has(wire.CapInteractive) {
		return s.config.InteractiveTimeout
	}
	return s.config.WaitTimeout
}

// plainText reads what variableLiteral has written of a plain text.
func plainText(literal string) string { return strings.Trim(literal, "'") }

// readsTables reports whether a statement names tables beside those of information_schema, which the session answers.
func readsTables(st *parser.Statement) bool {
	for i := range st.Tables {
		if !strings.EqualFold(st.Tables[i].Schema, "information_schema") && !st.Tables[i].CTE {
			return true
		}
	}
	return false
}
