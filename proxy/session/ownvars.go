package session

import (
	"context"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Some system variables are what the proxy itself keeps to, or is: drivers and tools believe them, and what one of the servers
// says of itself would lead them astray. They have their values here, however they are asked for: @@name, SHOW VARIABLES,
// information_schema. All others are what the server says that is asked, which all sessions are made alike in (backend/alike.go).

// enforced are those that the configuration sets, whatever a server has.
var enforced = map[string]string{
	"wait_timeout": "limits.wait_timeout", "interactive_timeout": "limits.wait_timeout",
	"max_allowed_packet": "limits.max_allowed_packet", "max_connections": "limits.max_connections",
}

// ownVariable is the value of a variable of the proxy's or of the client's connection.
func (s *Session) ownVariable(name string, global bool) (value string, ok bool) {
	switch name {
	case "wait_timeout":
		if global {
			return seconds(s.config.WaitTimeout), true
		}
		return seconds(s.waitTimeout()), true
	case "interactive_timeout":
		if v, set := s.state.Var(name); set && !global {
			return v, true
		}
		return seconds(s.config.InteractiveTimeout), true
	case "max_allowed_packet":
		// What is larger than the servers take is taken from nobody.
		return strconv.FormatInt(min(int64(s.config.MaxPacket), s.srv.Initial.MaxPacket)&^1023, 10), true
	case "max_connections":
		return strconv.Itoa(s.config.MaxConnections), true
	case "have_ssl":
		if s.config.OffersTLS {
			return "YES", true
		}
		return "DISABLED", true
	case "hostname":
		return s.srv.Hostname, true
	case "port":
		if addr, tcp := s.conn.LocalAddr().(*net.TCPAddr); tcp {
			return strconv.Itoa(addr.Port), true
		}
		return strconv.Itoa(s.srv.Port), true
	case "version":
		return s.srv.OwnVersion, s.srv.OwnVersion != ""
	case "pseudo_thread_id":
		return strconv.FormatUint(uint64(s.id), 10), !global
	case "last_insert_id", "identity":
		return strconv.FormatUint(s.diag.lastID, 10), !global
	}
	if backend.Tracks(name) {
		value, ok := s.trackingSetting(name)
		return value, ok && !global
	}
	return "", false
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// ownVariableNames are all that ownVariable knows.
var ownVariableNames = strings.Fields(`have_ssl hostname identity interactive_timeout last_insert_id max_allowed_packet
	max_connections port pseudo_thread_id session_track_gtids session_track_schema session_track_state_change
	session_track_system_variables session_track_transaction_info version wait_timeout`)

// ownVariables are the values for SHOW VARIABLES and its tables, by name.
func (s *Session) ownVariables(global bool) map[string]string {
	values := map[string]string{}
	for _, name := range ownVariableNames {
		if value, ok := s.ownVariable(name, global); ok {
			values[name] = value
		}
	}
	return values
}

// answersVariable reports whether @@name is put into a text as a value. The ids of last_insert_id are handed to the
// connection instead.
func (s *Session) answersVariable(name string) bool {
	if name == "last_insert_id" || name == "identity" {
		return false
	}
	_, ok := s.ownVariable(name, false)
	return ok
}

// variableText is the value as SQL. What was written stands beside it, never evaluated: for its type, and for what a server says of
// a scope that the variable does not have.
func (s *Session) variableText(name, written string) string {
	scope, _, scoped := strings.Cut(strings.TrimPrefix(written, "@@"), ".")
	global := scoped && strings.EqualFold(strings.Trim(scope, " `"), "GLOBAL")
	value, _ := s.ownVariable(name, global)
	_, err := strconv.ParseUint(value, 10, 64)
	switch {
	case backend.Tracks(name) && global:
		return written
	case trackingSwitches[name]:
		return s.switchText(value, written)
	case backend.Tracks(name) && s.srv.Flavour.MariaDB: // whose length is that of its value
		return "IF(TRUE, " + systemText(value) + ", NULL)"
	case name == "pseudo_thread_id": // which is never NULL
		return "IFNULL(CAST(" + value + " AS UNSIGNED), " + written + ")"
	case err == nil && name != "hostname" && name != "version":
		return "IF(TRUE, CAST(" + value + " AS UNSIGNED), " + written + ")"
	}
	return "IF(TRUE, " + systemText(value) + ", " + written + ")"
}

// settingsKey is what answers of variables depend on beside the session's state.
func (s *Session) settingsKey() string {
	var b strings.Builder
	for _, name := range ownVariableNames {
		if value, ok := s.ownVariable(name, false); ok && s.answersVariable(name) && name != "pseudo_thread_id" {
			b.WriteString(value)
			b.WriteByte(0)
		}
	}
	return b.String()
}

// keepsGlobal refuses to set for all sessions what the configuration sets: no server's value of it is looked at.
func keepsGlobal(set []parser.Assignment) error {
	for i := range set {
		if backend.Tracks(set[i].Name) && set[i].Scope != parser.ScopeUser && set[i].Scope != parser.ScopeSession {
			return sqlerr.NotSupported("SET GLOBAL " + set[i].Name + ": servers tell Heddle by it what programs set")
		}
		if field := enforced[set[i].Name]; field != "" && set[i].Scope != parser.ScopeUser && set[i].Scope != parser.ScopeSession {
			return sqlerr.NotSupported("SET GLOBAL " + set[i].Name + ": it is " + field + " of heddle.yaml")
		}
	}
	return nil
}

// onShowVariables is SHOW VARIABLES: the server's answer with the session's own values put in.
func onShowVariables(s *Session, ctx context.Context, x *execution) error {
	own := s.ownVariables(x.st.parsed.Show.Global)
	if conditionOnValues(x.st.parsed) {
		return s.showByValue(ctx, x, own)
	}
	return s.showWith(ctx, x, own, nil)
}

// showByValue is a SHOW VARIABLES that chooses rows by their values: a server chooses among its own, and then among those
// that the session has.
func (s *Session) showByValue(ctx context.Context, x *execution, own map[string]string) error {
	defer s.settle(ctx)
	text, err := s.interpolated(x)
	if err != nil {
		return s.writeError(err)
	}
	st, err := parser.Parse(text, s.mode)
	if err != nil {
		return s.writeError(syntaxError(err))
	}
	h, done, err := s.borrowHome(ctx, backend.NeedUserVars)
	if err != nil {
		return s.writeError(err)
	}
	defer done()
	where := st.Show.Where
	show, condition := text[:where.Start], text[where.Body.Start:where.Body.End]
	names := "'" + strings.Join(slices.Sorted(maps.Keys(own)), "', '") + "'"
	columns, rows, err := h.lease.Conn().QueryRows(ctx, show+"WHERE ("+condition+"\n) AND LOWER(Variable_name) NOT IN ("+names+")")
	var there, chosen []sqltypes.Row
	if err == nil {
		_, there, err = h.lease.Conn().QueryRows(ctx, show+"WHERE Variable_name IN ("+names+")")
	}
	if err == nil && len(there) > 0 {
		var b strings.Builder
		for i, row := range there {
			if i > 0 {
				b.WriteString(" UNION ALL ")
			}
			name := string(row[0])
			b.WriteString("SELECT " + sqlString(name) + " AS Variable_name, " + sqlString(own[strings.ToLower(name)]) + " AS Value")
		}
		_, chosen, err = h.lease.Conn().QueryRows(ctx, "SELECT Variable_name, Value FROM ("+b.String()+") AS `variables` WHERE ("+condition+"\n)"+everyRow)
	}
	var ours []sqltypes.Row
	if err == nil {
		ours, err = s.heddleRows(ctx, h, text)
	}
	if err != nil {
		return s.writeError(err)
	}
	rows = byName(rows, append(chosen, ours...))
	return s.writeRows(ctx, merge.NewRows(columns, rows), x.form, func() *wire.OK { return &wire.OK{} })
}

// asksOthers reports whether a query of a table of variables is seen to want another one than the session's own: then the table
// stays as it is, for a derived one describes its columns a little otherwise.
func asksOthers(st *parser.Statement, own map[string]string) bool {
	t := st.Tokens
	others := false
	for i := range t {
		switch {
		case t[i].Is("OR") || t[i].Is("XOR") || t[i].Is("NOT") || t[i].Is("CASE") || t[i].Is("||") || t[i].Is("!") || i > 0 && t[i].Is("SELECT"):
			return false
		case !t[i].Is("WHERE") && !t[i].Is("AND") || i+3 >= len(t) || !strings.EqualFold(t[i+1].In(st.Text), "VARIABLE_NAME") || t[i+2].In(st.Text) != "=":
		case t[i+3].Kind == parser.String && (i+4 == len(t) || t[i+4].Is("AND")):
			_, is := own[strings.ToLower(strings.Trim(t[i+3].In(st.Text), `'"`))]
			others = !is
		}
	}
	return others
}
