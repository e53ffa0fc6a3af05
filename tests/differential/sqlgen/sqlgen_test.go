package sqlgen

import (
	"slices"
	"strings"
	"testing"
)

func texts(seed uint64, n int) []string {
	var out []string
	for _, s := range New(seed).Sequence(n, seed%2 == 0) {
		sql, codes := s.Render()
		out = append(out, Inline(sql)+" -- "+codes)
	}
	return out
}

func TestEqualSeedsAreEqual(t *testing.T) {
	if a, b := texts(1, 200), texts(1, 200); !slices.Equal(a, b) {
		t.Error("one seed gave two sequences")
	}
	if a, b := texts(1, 200), texts(2, 200); slices.Equal(a, b) {
		t.Error("two seeds gave one sequence")
	}
}

func TestSequencesHoldEveryKind(t *testing.T) {
	all := strings.Join(texts(1, 3000), "\n")
	var sessions strings.Builder
	for seed := range uint64(200) {
		sessions.WriteString(strings.Join(texts(seed, 5), "\n"))
	}
	for _, want := range []string{"NAMES latin1", "NAMES gbk", "sql_mode = 'ANSI_QUOTES'", "sql_select_limit", "group_concat_max_len", "div_precision_increment", "time_zone", "COLLATE utf8mb4_bin"} {
		if !strings.Contains(sessions.String(), want) {
			t.Errorf("no %q at the beginning of 200 sequences", want)
		}
	}
	for _, want := range []string{"SELECT *", " LEFT JOIN ", " GROUP BY ", " HAVING ", "SELECT DISTINCT", " LIMIT ", " OFFSET ", " UNION ", "INSERT INTO", "INSERT IGNORE", "REPLACE INTO",
		"ON DUPLICATE KEY", "UPDATE users", "DELETE FROM", "BEGIN", "ROLLBACK", "SAVEPOINT", "COUNT(DISTINCT", "GROUP_CONCAT", "FOR UPDATE", " IN (", " BETWEEN ", " IS NULL", "NOT (",
		"BIT_AND(", "VAR_SAMP(", "JSON_ARRAYAGG(", "COUNT(DISTINCT score, ", " OVER (", "(id, name) IN (", " = @a", "x.user_id = ", " SELECT id + 100, ", "UPDATE IGNORE",
		" WITH ROLLUP", "SQL_CALC_FOUND_ROWS", " AS `é", " AS z", Schema + ".users.", "SET STATEMENT ", " FOR SELECT", "EXECUTE IMMEDIATE '", "PREPARE p", "EXECUTE p", "SELECT FOUND_ROWS()", "SHOW WARNINGS",
		"SELECT ROW_COUNT()", "LAST_INSERT_ID(", "UPDATE orders o JOIN ", "DELETE u", " LIMIT 1, ", "RETURNING "} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in 3000 statements", want)
		}
	}
	if strings.ContainsAny(all, markStart+markText+markEnd) {
		t.Error("a mark of a literal was left in a text")
	}
}

func TestParameters(t *testing.T) {
	sql := "SELECT a FROM t WHERE a = " + literal("int", "5", "5") + " AND b = " + literal("str", "x", "'x'")
	if got := Inline(sql); got != "SELECT a FROM t WHERE a = 5 AND b = 'x'" {
		t.Errorf("Inline: %s", got)
	}
	got, params := Parameters(sql)
	if got != "SELECT a FROM t WHERE a = ? AND b = ?" || !slices.Equal(params, []string{"int 5", "str x"}) {
		t.Errorf("Parameters: %s %q", got, params)
	}
}

// TestSmallerEnds: whichever part a shrinker drops, it comes to an end soon.
func TestSmallerEnds(t *testing.T) {
	for _, last := range []bool{false, true} {
		for _, s := range New(3).Sequence(500, last) {
			text, _ := s.Render()
			for steps := 0; ; steps++ {
				parts := s.Smaller()
				if len(parts) == 0 {
					break
				}
				if steps > 50 {
					t.Fatalf("no end: %s", Inline(text))
				}
				s = parts[0]
				if last {
					s = parts[len(parts)-1]
				}
			}
		}
	}
}
