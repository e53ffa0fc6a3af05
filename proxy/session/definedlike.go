package session

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/router"
)

// definedLike is a CREATE TABLE … LIKE with the definition in the place of the name: that of a table which not all of the servers have. Where it is
// is asked anew: rules may have changed since the statement was prepared, after which the servers may do it by themselves.
func (s *Session) definedLike(ctx context.Context, parsed *parser.Statement) (string, error) {
	_, err := s.planStatement(ctx, parsed)
	if err == nil {
		return parsed.Text, nil
	}
	like, ok := errors.AsType[*router.LikeElsewhere](err)
	if !ok {
		return "", err
	}
	h, done, err := s.borrow(ctx, like.Table.DataSource, like.Table.Schema, backend.NeedUserVars)
	if err != nil {
		return "", err
	}
	defer done()
	quote := func(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
	sql := "SHOW CREATE TABLE " + quote(like.Table.Schema) + "." + quote(like.Table.Table)
	if s.srv.Flavour.MariaDB {
		sql = "SET STATEMENT sql_mode='' FOR " + sql
	}
	_, rows, err := h.lease.Conn().QueryRows(ctx, sql)
	if e := sqlerr.As(err); e != nil && e.Code == sqlerr.CodeNoSuchTable {
		return "", sqlerr.NoSuchTable(like.Database, like.Name)
	}
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || len(rows[0]) < 2 || !strings.HasPrefix(string(rows[0][1]), "CREATE TABLE ") {
		return "", like.Refusal // a sequence, or a temporary table that has just been made
	}
	body, ok := likeBody(string(rows[0][1]), s.srv.Flavour.MariaDB)
	at := slices.IndexFunc(parsed.Tables, func(t parser.TableRef) bool { return t.Role == parser.RoleDDL })
	if !ok || at < 0 {
		return "", sqlerr.NotSupported("CREATE TABLE … LIKE a table of another data source whose definition has texts or names beyond ASCII, or backslashes")
	}
	return parsed.Text[:parsed.Tables[at].NameSpan.End] + " " + body, nil
}

// madeCounter is where a definition tells which id comes next, which LIKE leaves behind.
var madeCounter = regexp.MustCompile(`^(\) ENGINE=\w+) AUTO_INCREMENT=\d+`)

// likeBody is what LIKE takes over of a definition: all but its foreign keys and its counter. What reads otherwise in another charset or
// sql_mode is not taken over.
func likeBody(definition string, mariaDB bool) (body string, ok bool) {
	if strings.ContainsFunc(definition, func(r rune) bool { return r > '~' || r == '\\' }) {
		return "", false
	}
	_, definition, ok = strings.Cut(definition, " (\n")
	if !ok {
		return "", false
	}
	var lines []string
	for _, line := range strings.Split(definition, "\n") {
		switch {
		case strings.HasPrefix(line, "  CONSTRAINT ") && strings.Contains(line, " FOREIGN KEY ("):
			continue
		case !mariaDB && strings.HasPrefix(line, "  CONSTRAINT `") && strings.Contains(line, "` CHECK ("):
			line = "  CHECK (" + line[strings.Index(line, "` CHECK (")+len("` CHECK ("):] // MySQL's names are a schema's, and LIKE makes new ones
		case strings.HasPrefix(line, ") ENGINE="):
			line = madeCounter.ReplaceAllString(line, "$1")
			if n := len(lines) - 1; n >= 0 {
				lines[n] = strings.TrimSuffix(lines[n], ",")
			}
		}
		lines = append(lines, line)
	}
	return "(\n" + strings.Join(lines, "\n"), true
}
