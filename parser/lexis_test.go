package parser

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// lexisCase is one line of testdata/lexis.txt: what MariaDB 10.11.19 said to a text.
type lexisCase struct {
	sqlMode, charset, text string
	code                   int      // error number, 0 for a row
	row                    []string // the values of the first row
}

func readLexis(t *testing.T) []lexisCase {
	t.Helper()
	f, err := os.Open("testdata/lexis.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []lexisCase
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		if strings.HasPrefix(sc.Text(), "#") || sc.Text() == "" {
			continue
		}
		p := strings.Split(sc.Text(), "\t")
		if len(p) < 4 {
			t.Fatalf("line %q", sc.Text())
		}
		c := lexisCase{sqlMode: p[0], charset: p[1]}
		if c.text, err = strconv.Unquote(p[2]); err != nil {
			t.Fatalf("line %q: %v", sc.Text(), err)
		}
		if n, ok := strings.CutPrefix(p[3], "error "); ok {
			c.code, _ = strconv.Atoi(n)
		} else {
			for _, v := range p[3:] {
				u, err := strconv.Unquote(v)
				if err != nil {
					t.Fatalf("line %q: %v", sc.Text(), err)
				}
				c.row = append(c.row, u)
			}
		}
		out = append(out, c)
	}
	return out
}

// TestLexis compares the tokenizer with the server: a text that the tokenizer refuses is a syntax error there, and
// where each column is one literal, the decoded literals are what the server answered.
func TestLexis(t *testing.T) {
	values := 0
	for _, c := range readLexis(t) {
		mode := Mode{SQLMode: ParseSQLMode(c.sqlMode), Charset: ParseCharset(c.charset), Flavour: maria.Flavour}
		var s Scan
		err := s.Scan([]byte(c.text), mode)
		if err != nil {
			if c.code != 1064 {
				t.Errorf("%q (%s %s): tokenizer says %v, the server %d %q", c.text, c.sqlMode, c.charset, err, c.code, c.row)
			}
			continue
		}
		if c.code != 0 || len(s.Args) != len(c.row) || !onlyLiterals(c.text, mode) {
			continue
		}
		values++
		for i := range s.Args {
			v, err := s.Value(i)
			if err != nil {
				t.Errorf("%q: value %d: %v", c.text, i, err)
				continue
			}
			if !sameAsServer(v, c.row[i]) {
				t.Errorf("%q (%s %s): value %d is %q (%v), the server says %q", c.text, c.sqlMode, c.charset, i, v.AppendText(nil), v.Kind, c.row[i])
			}
		}
	}
	if values < 60 {
		t.Errorf("only %d texts compared by value", values)
	}
}

// onlyLiterals reports whether no operator but the comma stands in the text.
func onlyLiterals(text string, mode Mode) bool {
	st, err := tokenize(text, mode, false, nil)
	if err != nil {
		return false
	}
	for _, t := range st.Tokens {
		if t.Kind == Op && !t.Is(",") || t.Kind == SysVar || t.Is("FROM") {
			return false
		}
	}
	return true
}

func sameAsServer(v sqltypes.Value, s string) bool {
	got := string(v.AppendText(nil))
	if v.Kind == sqltypes.KindDecimal || v.Kind == sqltypes.KindDouble {
		a, _ := strconv.ParseFloat(got, 64)
		b, err := strconv.ParseFloat(s, 64)
		return err == nil && fmt.Sprint(a) == fmt.Sprint(b)
	}
	return got == s
}
