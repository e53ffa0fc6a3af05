package parser

import (
	"strings"
	"testing"
)

// TestHostile repeats what is cheap to send and could be dear to read. A step that is quadratic in the length makes
// this test run for minutes.
func TestHostile(t *testing.T) {
	for _, c := range [][3]string{
		{"SELECT ", "(SELECT 1),", "1"}, {"SELECT 1 FROM ", "t,", "t"}, {"SELECT ", "@a,", "1"}, {"SELECT ", "t.a,", "1 FROM t"},
		{"", "WITH a AS (x) ", "SELECT 1"}, {"", "WITH a AS (x) CYCLE ", ""}, {"SELECT ", "(", ""}, {"SELECT * FROM ", "{a ", "t"},
		{"SELECT 1 ", "UNION SELECT 1 ", ""}, {"SELECT ", "CASE ", ""}, {"SELECT ", "'a' ", ""}, {"SELECT ", "1+", "1"}, {"SELECT ", "- ", "1"},
		{"SET ", "a=1,", "b=2"}, {"SELECT 1 /*+ ", "a(b) ", "*/"}, {"DELETE ", "a,", " a FROM t"}, {"SELECT 1 FROM t JOIN ", "t.a ON ", "1"},
		{"SELECT 1 ORDER BY ", "1,", "1"}, {"", "EXPLAIN ", "SELECT 1"}, {"", "(SELECT 1 UNION ", "x"}, {"CREATE PROCEDURE p() ", "BEGIN ", ""},
		{"SELECT ", "/*!99999 /* */ */", "1"}, {"SELECT 1 FROM t ", "FOR SYSTEM_TIME ", ""}, {"SELECT 1 ", "LIMIT 1 ", ""}, {"", "; ", "x"},
	} {
		text := c[0] + strings.Repeat(c[1], 60_000/len(c[1])) + c[2]
		st, err := Parse(text, maria)
		if err == nil {
			invariants(t, st)
		}
	}
}
