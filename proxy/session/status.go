package session

import (
	"context"
	"crypto/tls"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Some status variables are the client's connection's, or the proxy's, which a server's answer says nothing of.

// globalStatus are the proxy's: its clients are not a server's, and one server would not be that old.
func (s *Session) globalStatus() map[string]string {
	clients := s.srv.Peers.List()
	running := 0
	for i := range clients {
		if clients[i].Command != wire.ComSleep {
			running++
		}
	}
	up := strconv.Itoa(int(time.Since(s.srv.Start).Seconds()))
	return map[string]string{"threads_connected": strconv.Itoa(len(clients)), "threads_running": strconv.Itoa(running),
		"uptime": up, "uptime_since_flush_status": up}
}

// ownStatus are those and the connection's, by lower case name.
func (s *Session) ownStatus() map[string]string {
	values := s.globalStatus()
	values["ssl_cipher"], values["ssl_version"], values["compression"] = "", "", "OFF"
	if secured, ok := s.conn.(*tls.Conn); ok {
		state := secured.ConnectionState()
		values["ssl_cipher"] = cipherName(state.CipherSuite)
		values["ssl_version"] = strings.ReplaceAll(tls.VersionName(state.Version), "TLS ", "TLSv")
	}
	if s.client.Caps.Any(wire.CapCompress | wire.CapZstd) {
		values["compression"] = "ON"
	}
	return values
}

// cipherName is a suite's name as servers print it: OpenSSL's, which for suites before TLS 1.3 is not the standard's.
func cipherName(suite uint16) string {
	name := tls.CipherSuiteName(suite)
	key, cipher, ok := strings.Cut(strings.TrimPrefix(name, "TLS_"), "_WITH_")
	if !ok {
		return name
	}
	cipher = strings.NewReplacer("AES_128_CBC", "AES128", "AES_256_CBC", "AES256", "AES_128", "AES128", "AES_256", "AES256",
		"POLY1305_SHA256", "POLY1305").Replace(cipher)
	if key != "RSA" {
		cipher = key + "-" + cipher
	}
	return strings.ReplaceAll(cipher, "_", "-")
}

// onShowStatus is SHOW STATUS: a server's answer with the values put in that are not the server's. Where there are several
// servers, whose counters these are is said.
func onShowStatus(s *Session, ctx context.Context, x *execution) error {
	if !x.st.parsed.Show.Global && conditionOnValues(x.st.parsed) {
		return s.writeError(sqlerr.NotSupported("SHOW STATUS with a condition on values; one on names works"))
	}
	own := s.ownStatus()
	if x.st.parsed.Show.Global {
		own = s.globalStatus()
	}
	return s.showWith(ctx, x, own, func(h *held, others bool) {
		if others && s.severalServers() {
			s.diag.note(sqlerr.Explained("these are counters of the data source " + h.dataSource + ": each server has its own, and connections to it are shared"))
		}
	})
}

// conditionOnValues reports whether a SHOW chooses its rows by their values.
func conditionOnValues(st *parser.Statement) bool {
	return strings.Contains(strings.ToLower(st.Text[st.Show.Where.Start:st.Show.Where.End]), "value")
}

// showWith has a server answer a SHOW of names and values, and puts own values in. said, unless nil, is called with the server
// and whether values of its own are left.
func (s *Session) showWith(ctx context.Context, x *execution, own map[string]string, said func(h *held, others bool)) error {
	defer s.settle(ctx)
	text, err := s.interpolated(x)
	if err != nil {
		return s.writeError(err)
	}
	h, done, err := s.borrowHome(ctx, backend.NeedUserVars)
	if err != nil {
		return s.writeError(err)
	}
	defer done()
	columns, rows, err := h.lease.Conn().QueryRows(ctx, text)
	if err != nil {
		return s.writeError(err)
	}
	others := false
	for _, row := range rows {
		if value, ok := own[strings.ToLower(string(row[0]))]; ok {
			row[1] = []byte(value)
		} else {
			others = true
		}
	}
	if said != nil {
		said(h, others)
	}
	ours, err := s.heddleRows(ctx, h, text)
	if err != nil {
		return s.writeError(err)
	}
	rows = byName(rows, ours)
	return s.writeRows(ctx, merge.NewRows(columns, rows), x.form, func() *wire.OK { return &wire.OK{Warnings: s.diag.count()} })
}

// isStatusTable reports whether a table holds the status or the variables of the connection that asks.
func (s *Session) isStatusTable(t *parser.TableRef) bool { return s.ownValues(t) != nil }

// ownValues are those of a table of status or variables; nil for any other.
func (s *Session) ownValues(t *parser.TableRef) map[string]string {
	schema := t.Schema
	if schema == "" {
		schema = s.db
	}
	switch strings.ToLower(schema) {
	case "information_schema", "performance_schema":
		switch name := strings.ToUpper(t.Name); {
		case t.CTE:
		case name == "SESSION_STATUS":
			return s.ownStatus()
		case name == "GLOBAL_STATUS":
			return s.globalStatus()
		case name == "SESSION_VARIABLES":
			return s.ownVariables(false)
		case name == "GLOBAL_VARIABLES":
			return s.ownVariables(true)
		}
	}
	return nil
}

// statusTables puts the client's own values into the tables of status that a query reads.
func (s *Session) statusTables(st *parser.Statement) []edit {
	var out []edit
	for i := range st.Tables {
		if st.Show != nil { // it asks what the table is
			break
		}
		t := &st.Tables[i]
		own := s.ownValues(t)
		if own == nil {
			continue
		}
		ours := strings.EqualFold(t.Name, "SESSION_VARIABLES") && asksHeddle(st)
		if !ours && asksOthers(st, own) {
			continue
		}
		start, end := t.NameSpan.Start, t.NameSpan.End
		if t.SchemaSpan.Present() {
			start = t.SchemaSpan.Start
		}
		name := st.Text[start:end]
		value := "VARIABLE_VALUE" // IF is not NULL where its parts are not, CASE may be
		for _, name := range slices.Sorted(maps.Keys(own)) {
			value = "IF(LOWER(VARIABLE_NAME) = '" + name + "', " + sqlString(own[name]) + ", " + value + ")"
		}
		text := "(SELECT VARIABLE_NAME, " + value + " AS VARIABLE_VALUE FROM " + name
		if ours {
			text += " UNION ALL " + s.heddleTable("VARIABLE_NAME", "VARIABLE_VALUE")
		}
		text += ")"
		if t.Alias == "" {
			text += " AS `" + t.Name + "`"
		}
		out = append(out, edit{start, end, text})
	}
	return out
}
