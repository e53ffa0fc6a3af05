package differential

import (
	"fmt"
	"strings"
	"testing"
)

// weighed are texts of which collations disagree: characters of several weights and of none, ligatures, contractions,
// combining marks, what stands below a space, spaces at the end. No NULs: where an ORDER BY puts them hangs on how the
// server packs its sort keys.
var weighed = []string{"", " ", "  ", "\t", "a", "A", "a ", "a\t", "a!", "a-b", "ab", "ä", "Ä", "á", "a\u0301",
	"ae", "æ", "Æ", "å", "aa", "b", "c", "ch", "cz", "h", "dž", "ǆ", "e", "é", "fi", "ﬁ", "i", "I", "ı", "İ", "ij", "ĳ", "ll",
	"lz", "n", "ñ", "nj", "oe", "œ", "s", "ss", "ß", "sz", "ssß", "ßs", "zßßßßßßßßß", "z", "1", "１", "viii", "Ⅷ", "\u00ad",
	"a\u00ad", "x\u0323\u0301", "x\u0301\u0323", "ﷺ", "ﷺﷺ", "㌿", "北", "北京", "北京市海淀区中关村一", "北京市海淀区中关村二",
	"김", "김철수", "김영희", "가", "기대승", "さくら", "サクラ", "か", "が", "กา", "เก", "แก", "ꀀ", "😀", "😁"}

// collationsOfATable is how many columns of ten characters a row of InnoDB's takes.
const collationsOfATable = 170

// TestEveryCollation puts texts into a column of each collation that the servers know, and compares how heddle and one
// server sort and group the column, and an expression of it, whose collation the servers describe less exactly.
func TestEveryCollation(t *testing.T) {
	if lab.mysql || lab.heddles["a4"] == nil {
		t.Log("the list of collations is MariaDB's, and heddle has to be there")
		return
	}
	plain, heddle := dialSchema(t, lab.plain), dialSchema(t, side("a4"))
	names := cellsOf(t, plain, "SELECT FULL_COLLATION_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY WHERE CHARACTER_SET_NAME <> 'binary' ORDER BY 1")
	if len(names) < 300 {
		t.Fatalf("%d collations", len(names))
	}
	for len(names) > 0 {
		n := min(len(names), collationsOfATable)
		fill(t, names[:n], plain, heddle)
		for i, name := range names[:n] {
			for _, expr := range []string{fmt.Sprintf("c%d", i), fmt.Sprintf("CONCAT(c%d)", i)} {
				for _, sql := range []string{"SELECT id FROM s1 WHERE " + sortable(name) + " ORDER BY " + expr + ", id", "SELECT MIN(id), COUNT(*) FROM s1 GROUP BY " + expr + " ORDER BY 1"} {
					compareCells(t, name, sql, plain, heddle)
				}
			}
		}
		names = names[n:]
	}
}

// sortable is the condition for texts that a server's ORDER BY takes for what its comparison does, whether it packs its
// sort keys or not: no tab at the end, and in the small charsets' NO PAD collations no space either.
func sortable(collation string) string {
	if strings.Contains(collation, "nopad") && !strings.HasPrefix(collation, "u") {
		return "t NOT LIKE '%\t' AND t NOT LIKE '_% '"
	}
	return "t NOT LIKE '%\t'"
}

// dialSchema is a session of the cases' schema in which text that a charset has no characters for is no error.
func dialSchema(t *testing.T, s Side) *Conn {
	t.Helper()
	conn, err := Dial(t.Context(), lab.pool, s.Addr, ConnOptions{Schema: Schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	cellsOf(t, conn, "SET sql_mode = ''")
	return conn
}

// cellsOf runs a statement; the cells of its rows, those of a row with a colon between.
func cellsOf(t *testing.T, conn *Conn, sql string) []string {
	t.Helper()
	answer, err := conn.Query(sql)
	if err != nil || answer.Err() != nil {
		t.Fatalf("%.200s: %v, %v", sql, err, answer.Err())
	}
	return lines(answer)
}

func lines(answer *Answer) []string {
	var out []string
	for _, row := range answer.Results[0].Rows {
		var cells []string
		for _, cell := range row.Cells {
			cells = append(cells, string(cell))
		}
		out = append(out, strings.Join(cells, ":"))
	}
	return out
}

// fill makes the table with a column of each collation.
func fill(t *testing.T, collations []string, conns ...*Conn) {
	t.Helper()
	create, update, sep := "CREATE TABLE s1 (id INT PRIMARY KEY, t VARCHAR(10) CHARACTER SET utf8mb4", "UPDATE s1 SET ", ""
	for i, name := range collations {
		charset, _, _ := strings.Cut(name, "_")
		create += fmt.Sprintf(", c%d VARCHAR(10) CHARACTER SET %s COLLATE %s", i, charset, name)
		update += fmt.Sprintf("%sc%d = t", sep, i)
		sep = ", "
	}
	insert, sep := "INSERT INTO s1 (id, t) VALUES (1, NULL)", ", "
	for i, text := range weighed {
		insert += fmt.Sprintf("%s(%d, x'%x')", sep, i+2, text)
	}
	for _, conn := range conns {
		for _, sql := range []string{"DROP TABLE IF EXISTS s1", create + ")", insert, update} {
			cellsOf(t, conn, sql)
		}
	}
}

// compareCells compares two answers, row for row. heddle may refuse the collation.
func compareCells(t *testing.T, collation, sql string, plain, heddle *Conn) {
	t.Helper()
	want := cellsOf(t, plain, sql)
	answer, err := heddle.Query(sql)
	switch {
	case err != nil:
		t.Fatal(err)
	case answer.Err() != nil:
		if answer.Err().Code != 1235 || !strings.HasSuffix(collation, "_czech_cs") && !strings.HasPrefix(collation, "big5_chinese_") {
			t.Errorf("%s: %s: %v", collation, sql, answer.Err())
		}
		return
	}
	if got := lines(answer); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s: %s\n one server %v\n heddle     %v", collation, sql, want, got)
	}
}
