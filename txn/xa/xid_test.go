package xa

import (
	"math"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for _, x := range []XID{
		{GTRID{}, Qualifier{}},
		{GTRID{1, 2, 3, 4, false}, Qualifier{5, 6, 7}},
		{GTRID{1<<ClusterBits - 1, 1<<LogBits - 1, 1<<EpochBits - 1, 1<<50 - 1, false}, Qualifier{1<<LogBits - 1, math.MaxUint32, math.MaxUint32}},
	} {
		g, q := x.GTRID.String(), x.Branch.String()
		if len(g) > 64 || len(q) > 64 || strings.ContainsAny(g+q, "'\\") {
			t.Errorf("%s: %d and %d bytes", x, len(g), len(q))
		}
		if got, ok := ParseXID(FormatID, len(g), g+q); !ok || got != x {
			t.Errorf("%s is read as %s", x, got)
		}
		if _, ok := ParseXID(1, len(g), g+q); ok {
			t.Errorf("%s of another format is taken for Heddle's", x)
		}
	}
	const golden = "'h1-0001-00000002-000000000003-0000000004','00000005-6-7',26724"
	if got := (XID{GTRID{1, 2, 3, 4, false}, Qualifier{5, 6, 7}}).String(); got != golden {
		t.Errorf("the names are a format: got %s, want %s", got, golden)
	}
	for _, s := range []string{"", "h1", "h2-0001-00000002-000000000003-0000000004", "h1-0001-00000002-000000000003-000000000u",
		"h1-0001-00000002-000000000003", "h1-00001-00000002-000000000003-0000000004"} {
		if g, err := ParseGTRID(s); err == nil {
			t.Errorf("%q is read as %s", s, g)
		}
	}
	for _, s := range []string{"", "00000005-6", "00000005-x-7", "5-6-7", "00000005-6-4294967296"} {
		if q, err := ParseQualifier(s); err == nil {
			t.Errorf("%q is read as %s", s, q)
		}
	}
	if a, b := (GTRID{Seq: 31}).String(), (GTRID{Seq: 32}).String(); a >= b {
		t.Errorf("%s does not sort before %s", a, b)
	}
}
