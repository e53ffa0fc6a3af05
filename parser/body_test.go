package parser

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParseBody(t *testing.T) {
	for _, c := range []struct {
		text, tables, changes, dynamic string
		ends, begins, opaque, locks    bool
		sets                           string
	}{
		{text: "SELECT COUNT(*) FROM a JOIN b.c ON a.x = c.x", tables: "a b.c"},
		{text: "BEGIN INSERT INTO log SELECT x FROM src; IF 1 THEN UPDATE u SET v = 1; END IF; END", tables: "log src u", changes: "log u"},
		{text: "BEGIN DELETE d FROM d JOIN e USING (id); COMMIT; END", tables: "d e", changes: "d d", ends: true},
		{text: "SET @s = REPLACE(INSERT('a', 1, 1, 'b'), 'c', 'd')"},
		{text: "INSERT INTO a VALUES (1) ON DUPLICATE KEY UPDATE v = 2", tables: "a", changes: "a"},
		{text: "BEGIN START TRANSACTION; SELECT v FROM a FOR UPDATE; ROLLBACK TO s; END", tables: "a", begins: true, locks: true},
		{text: "EXECUTE IMMEDIATE 'SELECT ''x'' FROM a'", dynamic: "SELECT 'x' FROM a"},
		{text: "BEGIN PREPARE s FROM @q; EXECUTE s; END", opaque: true},
		{text: "EXECUTE IMMEDIATE CONCAT('a', b)", opaque: true},
		{text: "BEGIN SET SESSION sql_mode = ''; END", sets: "sql_mode"},
		{text: "SET x = 1, time_zone = 'UTC'", sets: "time_zone"},
		{text: "SET @@foreign_key_checks = 0", sets: "foreign_key_checks"},
		{text: "CREATE TABLE fresh (a INT)", tables: "fresh", changes: "fresh", ends: true},
	} {
		b, err := ParseBody(c.text, maria)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		var tables, changes []string
		for _, n := range b.Names {
			name := n.Name
			if n.Schema != "" {
				name = n.Schema + "." + n.Name
			}
			if n.Table && !slices.Contains(tables, name) {
				tables = append(tables, name)
			}
		}
		for _, ref := range b.Changes {
			changes = append(changes, ref.Name)
		}
		got := fmt.Sprint(changes, b.Dynamic, b.Ends, b.Begins, b.Opaque, b.Locks, b.SetsSystem)
		want := fmt.Sprint(words(c.changes), dynamic(c.dynamic), c.ends, c.begins, c.opaque, c.locks, c.sets)
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", c.text, got, want)
		}
		for _, name := range words(c.tables) {
			if !slices.Contains(tables, name) {
				t.Errorf("%s: %s is not among the tables %v", c.text, name, tables)
			}
		}
	}
	if _, err := ParseBody("SELECT 1; SELECT 2", maria); err == nil {
		t.Error("two statements pass for a body")
	}
}

func words(s string) []string { return strings.Fields(s) }

func dynamic(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func TestBodyOfTrigger(t *testing.T) {
	st, err := Parse("CREATE TRIGGER x BEFORE INSERT ON owner FOR EACH ROW FOLLOWS y SET NEW.a = NEW.b + 1, NEW.c = 2", maria)
	if err != nil {
		t.Fatal(err)
	}
	b := st.Body()
	if fmt.Sprint(b.AssignedNew) != "[a c]" {
		t.Errorf("assigned %v", b.AssignedNew)
	}
	for _, n := range b.Names {
		if n.Name == "owner" || n.Name == "y" {
			t.Errorf("the body names %s", n.Name)
		}
	}
	if b := mustParse(t, "SELECT 1").Body(); b != nil {
		t.Error("a query has a body")
	}
}

func mustParse(t *testing.T, text string) *Statement {
	t.Helper()
	st, err := Parse(text, maria)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestBodyReachesPastTheSession(t *testing.T) {
	for text, want := range map[string][2]bool{
		"BEGIN XA RECOVER; END":                                       {true, false},
		"IF a THEN XA ROLLBACK 'a','b',1; END IF":                     {true, false},
		"BEGIN l: LOOP XA COMMIT X'61'; END LOOP; END":                {true, false},
		"xa prepare b'1'":                                             {true, false},
		"BEGIN DECLARE xa INT; SELECT CASE WHEN xa THEN xa END; END":  {false, false},
		"SELECT t.xa, xa FROM t WHERE `kill` = 1":                     {false, false},
		"BEGIN KILL QUERY a; KILL 1; END":                             {false, true},
		"BEGIN DECLARE CONTINUE HANDLER FOR SQLSTATE '1' KILL 7; END": {false, true},
	} {
		b, err := ParseBody(text, maria)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := [2]bool{b.XA, b.Kills}; got != want {
			t.Errorf("%s: XA, KILL: %v", text, got)
		}
	}
}
