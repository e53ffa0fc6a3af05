package router

import (
	"encoding/hex"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// What a MariaDB 10.11 answers to HEX(WEIGHT_STRING(' ' COLLATE …)); empty where weights have several levels.
func TestSpaceWeights(t *testing.T) {
	for name, want := range map[string]string{
		"utf8mb4_general_ci": "0020", "utf8mb3_general_ci": "0020", "utf8_general_ci": "0020", "utf8mb3_bin": "0020",
		"utf8mb4_bin": "000020", "utf16_bin": "000020", "ucs2_bin": "0020", "utf8mb4_unicode_ci": "0209",
		"utf8mb4_unicode_520_ci": "020a", "utf8mb4_myanmar_ci": "020a", "utf8mb4_swedish_ci": "0209",
		"utf8mb4_uca1400_ai_ci": "0209", "utf8mb4_uca1400_swedish_ai_ci": "0209", "utf8mb4_uca1400_as_cs": "",
		"utf8mb4_thai_520_w2": "", "latin1_swedish_ci": "20", "gbk_chinese_ci": "20", "latin7_general_ci": "30",
		"latin7_estonian_cs": "2c", "latin2_czech_cs": "", "cp1250_czech_cs": "",
	} {
		c := collationOf(name)
		if got := hex.EncodeToString(c.space); got != want || !c.pad {
			t.Errorf("%s: space %q pad %v, want %q", name, got, c.pad, want)
		}
	}
	for _, name := range []string{"utf8mb4_nopad_bin", "utf8mb4_uca1400_nopad_as_cs", "utf8mb4_0900_ai_ci", "latin1_swedish_nopad_ci"} {
		if collationOf(name).pad {
			t.Errorf("%s pads", name)
		}
	}
}

func TestShapes(t *testing.T) {
	p := &planning{stmt: &parser.Statement{}, facts: &Facts{Collations: oracleCollations}, env: Env{Mode: parser.Mode{Flavour: parser.Flavour{MariaDB: true}}}}
	text := func(collation uint16, chars uint32) sqltypes.Column {
		return sqltypes.Column{Type: sqltypes.VarString, Collation: collation, Length: chars * 4}
	}
	for name, c := range map[string]struct {
		col   sqltypes.Column
		order bool
		want  string // what stands around x; "refused" where nothing can
	}{
		"int":                          {col: sqltypes.Column{Type: sqltypes.Long}, want: "x"},
		"float":                        {col: sqltypes.Column{Type: sqltypes.Float}, want: "(x)+0E0"},
		"enum":                         {col: sqltypes.Column{Type: sqltypes.String, Flags: sqltypes.FlagEnum, Collation: 45}, want: "(x)+0"},
		"binary":                       {col: sqltypes.Column{Type: sqltypes.VarString, Collation: 63, Length: 20}, want: "x"},
		"long binary":                  {col: sqltypes.Column{Type: sqltypes.Blob, Collation: 63, Length: 1 << 20}, order: true, want: "LEFT(x, @@max_sort_length)"},
		"general_ci":                   {col: text(45, 10), want: "WEIGHT_STRING(x)"},
		"no pad":                       {col: text(1070, 10), want: "WEIGHT_STRING(x)"},
		"no pad, several levels":       {col: text(2310, 10), want: "WEIGHT_STRING(x AS CHAR(80))"},
		"weights of another order":     {col: text(34, 10), want: "refused"},
		"several levels":               {col: text(2308, 10), want: "WEIGHT_STRING(x AS CHAR(80))"},
		"unicode_ci, or any of UCA 14": {col: text(224, 10), want: "WEIGHT_STRING(x AS CHAR(80))"},
		"long text":                    {col: text(45, 2000), order: true, want: "LEFT(WEIGHT_STRING(x), @@max_sort_length)"},
		"very long text":               {col: text(45, 1<<20), order: true, want: "LEFT(WEIGHT_STRING(LEFT(x, 8192)), @@max_sort_length)"},
		"uuid, ordered":                {col: sqltypes.Column{Type: sqltypes.String, Collation: 8, Length: 36, Flags: sqltypes.FlagUnsigned}, order: true, want: "refused"},
		"uuid, grouped":                {col: sqltypes.Column{Type: sqltypes.String, Collation: 8, Length: 36, Flags: sqltypes.FlagUnsigned}, want: "CAST(x AS BINARY(16))"},
		"inet6":                        {col: sqltypes.Column{Type: sqltypes.String, Collation: 8, Length: 39, Flags: sqltypes.FlagUnsigned}, want: "CAST(x AS BINARY(16))"},
		"geometry":                     {col: sqltypes.Column{Type: sqltypes.Geometry}, want: "refused"},
		"unknown charset":              {col: text(9999, 10), want: "refused"},
	} {
		shape, err := p.shapeOf(&c.col, c.order)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, piece := range shape.apply([]rewrite.Piece{{Op: rewrite.Text, Text: "x"}}) {
			got += piece.Text
		}
		if shape.refuse != "" {
			got = "refused"
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// The length of a parameter is not known when its weight's is decided.
func TestShapeOfParameters(t *testing.T) {
	for text, refused := range map[string]bool{"SELECT CONCAT(?, a) FROM t": true, "SELECT a FROM t WHERE b = ? LIMIT ?": false} {
		mode := parser.Mode{Flavour: parser.Flavour{MariaDB: true}}
		stmt, err := parser.Parse(text, mode)
		if err != nil {
			t.Fatal(err)
		}
		p := &planning{stmt: stmt, facts: &Facts{Collations: oracleCollations}, env: Env{Mode: mode}}
		shape, err := p.shapeOf(&sqltypes.Column{Type: sqltypes.VarString, Collation: 224, Length: 40}, false)
		if err != nil || (shape.refuse != "") != refused {
			t.Errorf("%s: %+v, %v", text, shape, err)
		}
	}
}
