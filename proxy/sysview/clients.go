package sysview

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// Client is a session as PROCESSLIST shows it.
type Client struct {
	ID                                         uint64
	User, Host, Database, Command, State, Info string // no Database and no Info are NULL
	For                                        time.Duration
}

// asksClients reports whether a query reads PROCESSLIST: the servers' own would list the proxy's connections.
func (v *View) asksClients(st *parser.Statement) bool {
	for i := range st.Tables {
		if t := &st.Tables[i]; v.system(t) && strings.EqualFold(t.Name, "PROCESSLIST") {
			return true
		}
	}
	return false
}

// clients are the rows of PROCESSLIST. What only the thread of a server could tell (its memory, the rows that it has
// examined) is NULL: it is not known.
func (v *View) clients(q *question) []sqltypes.Row {
	list := v.Clients()
	rows := make([]sqltypes.Row, len(list))
	for n := range list {
		for _, i := range q.wanted {
			rows[n] = append(rows[n], list[n].cell(strings.ToUpper(q.columns[i].Name)))
		}
	}
	return rows
}

func (c *Client) cell(column string) []byte {
	switch column {
	case "ID":
		return strconv.AppendUint(nil, c.ID, 10)
	case "USER":
		return []byte(identifiers(c.User))
	case "HOST":
		return []byte(c.Host)
	case "DB":
		return orNull(c.Database)
	case "COMMAND":
		return []byte(c.Command)
	case "TIME":
		return strconv.AppendInt(nil, int64(c.For.Seconds()), 10)
	case "TIME_MS":
		return strconv.AppendFloat(nil, float64(c.For.Microseconds())/1000, 'f', 3, 64)
	case "STATE":
		return []byte(c.State)
	case "INFO", "INFO_BINARY":
		return orNull(c.Info)
	case "STAGE", "MAX_STAGE":
		return []byte("0")
	case "PROGRESS":
		return []byte("0.000")
	}
	return nil
}

func orNull(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(identifiers(text))
}

// identifiers is a text in the character set of identifiers, as servers write one: what it has no character for is '?'.
func identifiers(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 0xffff || r == utf8.RuneError {
			return '?'
		}
		return r
	}, text)
}
