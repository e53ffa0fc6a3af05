package sqlgen

import (
	"fmt"
	"slices"
	"strings"
)

// session is what a sequence has told its session, as far as statements have to mind it.
type session struct {
	capped  bool   // sql_select_limit: what is read needs a total order
	foreign string // é in the client's charset, where that is not the tables'
	short   bool   // group_concat_max_len: what is concatenated needs one as well
}

var modes = []string{"", "ONLY_FULL_GROUP_BY", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT", "ONLY_FULL_GROUP_BY,STRICT_ALL_TABLES", "HIGH_NOT_PRECEDENCE",
	"STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,ANSI_QUOTES", "PAD_CHAR_TO_FULL_LENGTH", "NO_AUTO_VALUE_ON_ZERO,ERROR_FOR_DIVISION_BY_ZERO", "NO_UNSIGNED_SUBTRACTION"}

// setting is one assignment of a session variable that changes answers; more tells what it means to the statements after it.
func (g *Generator) setting(kinds int) (text string, more session) {
	switch g.r.IntN(kinds) {
	case 0:
		return fmt.Sprintf("sql_select_limit = %d", 1+g.r.IntN(5)), session{capped: true}
	case 1:
		return fmt.Sprintf("group_concat_max_len = %d", 4+g.r.IntN(9)), session{short: true}
	case 2:
		return fmt.Sprintf("div_precision_increment = %d", pick(g, []int{0, 1, 7, 12})), more
	case 3:
		return "time_zone = '" + pick(g, []string{"+05:30", "-08:00", "+00:00"}) + "'", more
	case 4:
		return "lc_time_names = '" + pick(g, []string{"de_DE", "fr_FR"}) + "'", more
	case 5, 6, 7:
		return "sql_mode = '" + pick(g, modes) + "'", more
	}
	return "NAMES utf8mb4 COLLATE " + pick(g, []string{"utf8mb4_bin", "utf8mb4_unicode_ci", "utf8mb4_general_ci"}), more
}

// settings are the statements with which a session begins.
func (g *Generator) settings() []Statement {
	g.session = session{}
	list := []Statement{Plain("SET @a = 2, @b = 'b'")}
	if g.chance(20) {
		names := pick(g, []string{"NAMES latin1", "NAMES gbk", "NAMES utf8mb3", "NAMES utf8mb4 COLLATE utf8mb4_bin", "CHARACTER SET latin1", "character_set_results = NULL",
			"character_set_results = latin1", "NAMES latin1 COLLATE latin1_german1_ci"})
		list = append(list, Plain("SET "+names))
		switch {
		case strings.HasPrefix(names, "NAMES latin1"):
			g.foreign = "\xe9"
		case names == "NAMES gbk":
			g.foreign = "\xa8\xa6"
		}
	}
	for g.chance(30) {
		text, more := g.setting(9)
		list = append(list, Plain("SET "+text))
		g.capped, g.short = g.capped || more.capped, g.short || more.short
	}
	return list
}

// perhapsSet is a SET STATEMENT before a statement, at times; what it means holds until the function that it gives is called.
func (g *Generator) perhapsSet() (prefix string, back func()) {
	before := g.session
	back = func() { g.session = before }
	if !g.chance(5) {
		return "", back
	}
	text, more := g.setting(8) // no charset, which servers refuse there
	g.capped, g.short = g.capped || more.capped, g.short || more.short
	return "SET STATEMENT " + text + " FOR ", back
}

// constants is a read of no table.
func (g *Generator) constants() Statement {
	list := some(g, []string{"1/7", "'a' || 'b'", "1 || 0", "LENGTH('é')", "'a' = 'A'", "HEX('é')", "'x\\\\y'", "LENGTH('\\\\')", "NOT 1 BETWEEN -5 AND 5", "CONCAT('a', _latin1'b')", "FROM_UNIXTIME(86400)",
		"UNIX_TIMESTAMP('2024-01-01 00:00:00')", "DATE_FORMAT('2024-03-01', '%M')", "@a", "@b", "'ß' LIKE 'ss'", "COLLATION('a')", "CHARSET(@b)", "CAST('é' AS BINARY)", "@@sql_mode", "@@sql_select_limit",
		"@@div_precision_increment", "@@collation_connection", "@@character_set_client", "@@time_zone", "N'é'", "1.0/3", "CAST(1 AS UNSIGNED) - 2"}, 1+g.r.IntN(3))
	return Plain("SELECT " + strings.Join(list, ", "))
}

// Following is about the statement before it: it says nothing where that one was refused.
type Following string

// Render gives the text.
func (f Following) Render() (string, string) { return string(f), "nowarnings" }

// Smaller has nothing.
func (f Following) Smaller() []Statement { return nil }

// said is a statement's text alone.
func said(s Statement) string {
	sql, _ := s.Render()
	return sql
}

func (g *Generator) following(s Statement) Statement {
	if _, ok := s.(*query); !ok && strings.HasPrefix(said(s), "EXECUTE") {
		return Following("SELECT ROW_COUNT()") // its preparation's error is the warning of some
	}
	// FOUND_ROWS() stays as it was where a server sees that an aggregate has no rows.
	if q, ok := s.(*query); ok && len(q.group) == 0 && slices.ContainsFunc(q.items, func(i item) bool { return strings.Contains(i.text, "(") }) {
		return Following(pick(g, []string{"SELECT ROW_COUNT()", "SELECT LAST_INSERT_ID()", "SHOW COUNT(*) WARNINGS", "SHOW WARNINGS", "SELECT ROW_COUNT(), LAST_INSERT_ID(), @@warning_count"}))
	}
	return Following(pick(g, []string{"SELECT ROW_COUNT()", "SELECT FOUND_ROWS()", "SELECT LAST_INSERT_ID()", "SHOW WARNINGS", "SHOW COUNT(*) WARNINGS", "SELECT @@warning_count, @@error_count",
		"SELECT ROW_COUNT(), FOUND_ROWS(), LAST_INSERT_ID()", "SHOW ERRORS", "SELECT @@last_insert_id, @@identity", "SHOW WARNINGS LIMIT 1"}))
}
