package router

import (
	"testing"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// Servers that read optimizer hints are not sent Heddle's own; others get the client's text.
func TestHintsForServers(t *testing.T) {
	for _, c := range []struct {
		flavour    parser.Flavour
		text, want string
	}{
		{parser.Flavour{MariaDB: true, Version: 101119}, "SELECT /*+ heddle(route=a) */ 1", "SELECT /*+ heddle(route=a) */ 1"},
		{parser.Flavour{Version: 80037}, "SELECT /*+ heddle(route=a) */ 1", "SELECT /*  */ 1"},
		{parser.Flavour{Version: 80037}, "SELECT /*+ heddle(route=a, b=c) BKA(t) */ 1", "SELECT /*+ BKA(t) */ 1"},
		{parser.Flavour{Version: 80037}, "SELECT /*+ BKA(t), heddle(route=a) */ 1", "SELECT /*+ BKA(t),  */ 1"},
		{parser.Flavour{Version: 80037}, "SELECT /* heddle(route=a) */ 1", "SELECT /* heddle(route=a) */ 1"},
		{parser.Flavour{MariaDB: true, Version: 120002}, "SELECT /*+ heddle(route=a) */ 1", "SELECT /*  */ 1"},
	} {
		stmt, err := parser.Parse(c.text, parser.Mode{Flavour: c.flavour})
		if err != nil {
			t.Fatal(err)
		}
		p := &planning{stmt: stmt, env: Env{Mode: stmt.Mode}}
		r, err := rewrite.Render(nil, rewrite.Compile(rewrite.Source{Text: stmt.Text}, p.hintSplices()), rewrite.Names{}, nil, ownArgs{stmt: stmt})
		if err != nil || string(r.SQL) != c.want {
			t.Errorf("%s: %q %v, want %q", c.text, r.SQL, err, c.want)
		}
	}
}
