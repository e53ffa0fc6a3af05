// Package ddl is what the session that runs DDL on several shards and the command that resumes it have in common: the
// lock by which one of them knows that the other is at work, and the look at what a table is on a shard.
//
// It runs no DDL and keeps nothing. Level: the proxy's, above proxy/backend, below proxy/session.
package ddl

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/heddle-mesh/heddle/governance/journal"
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/router/rule"
)

// Lock takes the server's lock of a journal entry for the connection, without waiting. A server keeps it for as long as
// the connection's statement runs, also when nobody is left to read the answer: whoever gets it knows that the
// statement is over on that server.
func Lock(ctx context.Context, conn *backend.Conn, id string) (bool, error) {
	_, rows, err := conn.QueryRows(ctx, "SELECT GET_LOCK("+lockName(id)+", 0)")
	if err != nil {
		return false, err
	}
	return len(rows) == 1 && string(rows[0][0]) == "1", nil
}

// Unlock gives it back.
func Unlock(ctx context.Context, conn *backend.Conn, id string) error {
	_, _, err := conn.QueryRows(ctx, "SELECT RELEASE_LOCK("+lockName(id)+")")
	return err
}

func lockName(id string) string { return "'heddle.ddl." + id + "'" }

// Neutral is the session state to look with: what a client has set changes how definitions are written. A table that
// somebody has locked is not waited for.
func Neutral() *backend.State {
	st := backend.NewState()
	st.SetVar("lock_wait_timeout", "2")
	return st
}

// Look reads what tables are on a shard: their definitions, one below the other, and an empty line for one that does not
// exist. Names of the shard's own are replaced by rename, and counters are left out, so that shards whose tables are
// alike give the same text. The connection is in the Neutral state.
func Look(ctx context.Context, conn *backend.Conn, tables []journal.Name, rename map[string]string) (string, error) {
	var out strings.Builder
	for _, t := range tables {
		_, rows, err := conn.QueryRows(ctx, "SHOW CREATE TABLE "+quote(t.Database)+"."+quote(t.Table))
		switch e := sqlerr.As(err); {
		case e != nil && (e.Code == sqlerr.CodeNoSuchTable || e.Code == sqlerr.CodeBadDB):
			out.WriteByte('\n')
		case err != nil:
			return "", fmt.Errorf("look at %s.%s: %w", t.Database, t.Table, err)
		case len(rows) != 1 || len(rows[0]) < 2:
			return "", fmt.Errorf("look at %s.%s: SHOW CREATE TABLE gives no definition", t.Database, t.Table)
		default:
			out.WriteString(plain(string(rows[0][1]), rename))
			out.WriteByte('\n')
		}
	}
	return out.String(), nil
}

// Digest is a definition in short, as the journal keeps it.
func Digest(definition string) string {
	sum := sha256.Sum256([]byte(definition))
	return hex.EncodeToString(sum[:8])
}

// Absent reports whether a definition is of tables that do not exist.
func Absent(definition string) bool { return strings.Trim(definition, "\n") == "" }

// Renames maps the names that tables have on one data source and schema to their logical ones.
func Renames(layout *rule.Layout, dataSource, schema string) map[string]string {
	out := map[string]string{}
	if layout == nil {
		return out
	}
	if schema != layout.Database {
		out[schema] = layout.Database
	}
	add := func(name string, nodes []rule.Node) {
		for _, n := range nodes {
			if n.DataSource == dataSource && n.Schema == schema && n.Table != name {
				out[n.Table] = name
			}
		}
	}
	for _, t := range layout.Tables {
		add(t.Name, t.Nodes)
	}
	for _, t := range layout.Broadcast {
		add(t.Name, t.Nodes)
	}
	return out
}

// plain puts logical names into a definition and takes the counter of AUTO_INCREMENT out. Only whole identifiers are
// replaced, and the table's own in the names of constraints.
func plain(text string, rename map[string]string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '\'':
			end := closing(text, i)
			out.WriteString(text[i:end])
			i = end
		case '`':
			end := closing(text, i)
			out.WriteString(logical(text[i:end], rename))
			i = end
		default:
			const counter = " AUTO_INCREMENT="
			if c == ' ' && strings.HasPrefix(text[i:], counter) {
				i += len(counter)
				for i < len(text) && text[i] >= '0' && text[i] <= '9' {
					i++
				}
				continue
			}
			out.WriteByte(c)
			i++
		}
	}
	return out.String()
}

// closing is the end of the quoted part that begins at i. Doubled quotes read as two parts, which is the same here.
func closing(text string, i int) int {
	quote := text[i]
	for j := i + 1; j < len(text); j++ {
		switch {
		case text[j] == '\\' && quote == '\'':
			j++
		case text[j] == quote:
			return j + 1
		}
	}
	return len(text)
}

func logical(quoted string, rename map[string]string) string {
	name := strings.Trim(quoted, "`")
	if to, ok := rename[name]; ok {
		return "`" + to + "`"
	}
	for at := len(name) - 1; at > 0; at-- {
		if to, ok := rename[name[:at]]; ok && name[at] == '_' {
			return "`" + rewrite.LogicalConstraint(name, name[:at], to) + "`"
		}
	}
	return quoted
}

func quote(name string) string { return string(rewrite.AppendName(nil, name)) }
