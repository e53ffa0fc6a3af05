package sysview

import (
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// utf8GeneralCI is the collation of names in answers that the proxy makes itself.
const utf8GeneralCI = 33

// showGrants is SHOW GRANTS: what the client's own account may, whatever the servers let the proxy do.
func (v *View) showGrants(st *parser.Statement) (*Answer, error) {
	if !v.OwnGrants(st) {
		return nil, sqlerr.NotSupported("SHOW GRANTS of another account")
	}
	account := ident(v.Account[0]) + "@" + ident(v.Account[1])
	var rows []sqltypes.Row
	if v.Databases == nil {
		rows = append(rows, sqltypes.Row{[]byte("GRANT ALL PRIVILEGES ON *.* TO " + account)})
	} else {
		rows = append(rows, sqltypes.Row{[]byte("GRANT USAGE ON *.* TO " + account)})
		for _, db := range v.Databases {
			rows = append(rows, sqltypes.Row{[]byte("GRANT ALL PRIVILEGES ON " + ident(db) + ".* TO " + account)})
		}
	}
	column := sqltypes.Column{
		Name: "Grants for " + v.Account[0] + "@" + v.Account[1], Type: sqltypes.VarString, Collation: utf8GeneralCI,
		Length: 3 * 1024, Flags: sqltypes.FlagNotNull, Decimals: 31,
	}
	return &Answer{Columns: []sqltypes.Column{column}, Rows: rows, Own: true}, nil
}

// OwnGrants reports whether FOR, if it is there, names the client's own account.
func (v *View) OwnGrants(st *parser.Statement) bool {
	for i := range st.Tokens {
		if !st.Tokens[i].Is("FOR") {
			continue
		}
		rest := strings.ToUpper(st.Text[st.Tokens[i].End:])
		rest = strings.TrimSpace(strings.NewReplacer("'", "", "`", "", `"`, "", " ", "").Replace(rest))
		own := strings.ToUpper(v.Account[0] + "@" + v.Account[1])
		return rest == "CURRENT_USER" || rest == "CURRENT_USER()" || rest == own || rest+"@%" == own
	}
	return true
}
