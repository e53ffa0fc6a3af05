package backend

import (
	"slices"
	"strings"
	"testing"
)

const settings = "SELECT CONCAT_WS('|',@@sql_mode,@@time_zone,@@tx_isolation,@@collation_server,@@group_concat_max_len," +
	"@@div_precision_increment,@@default_week_format,@@autocommit,@@old_mode,@@explicit_defaults_for_timestamp,@@lc_time_names)"

// Two servers that are set differently: connections to both are what the first's are, whatever a session has set in between.
func TestAlike(t *testing.T) {
	first := ownServer(t, "--sql-mode=ANSI_QUOTES", "--default-time-zone=+05:00", "--transaction-isolation=READ-COMMITTED",
		"--group-concat-max-len=100", "--default-week-format=3", "--lc-time-names=de_DE", "--autocommit=OFF")
	second := ownServer(t, "--div-precision-increment=9", "--collation-server=latin1_german2_ci", "--character-set-server=latin1",
		"--innodb-rollback-on-timeout=ON", "--old-mode=", "--explicit-defaults-for-timestamp=OFF")
	var met []string
	p := testPools(t)
	p.dialer.met = func(ds string, refused []Refusal) {
		met = append(met, ds)
		for _, r := range refused {
			t.Errorf("%s refuses %s: %v", ds, r.Setting, r.Err)
		}
	}
	if err := p.Set([]DataSource{testSource("a", first.addr, Limits{MaxOpen: 1}), testSource("b", second.addr, Limits{MaxOpen: 1})}); err != nil {
		t.Fatal(err)
	}
	infos := make([]ServerInfo, 2)
	for i, name := range []string{"a", "b"} {
		var err error
		if infos[i], err = p.Probe(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	var named []string
	for _, d := range Compare(infos) {
		if !d.Settable {
			named = append(named, d.Setting)
		}
	}
	if !slices.Contains(named, "innodb_rollback_on_timeout") {
		t.Errorf("named as different are %v", named)
	}
	p.SetBase(BaseOf(&infos[0]))
	const want = "ANSI_QUOTES|+05:00|READ-COMMITTED|latin1_swedish_ci|100|4|3|ON|UTF8_IS_UTF8MB3|ON|de_DE"
	for _, name := range []string{"a", "b"} {
		l := acquire(t, p, name, 0, nil)
		if got := one(t, l.Conn(), settings); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		s := NewState()
		s.SetVar("sql_mode", "''")
		s.SetVar("tx_isolation", "'SERIALIZABLE'")
		s.SetVar("group_concat_max_len", "50")
		if err := l.Apply(t.Context(), s, 0); err != nil {
			t.Fatal(err)
		}
		exec1(t, l.Conn(), "SET time_zone=DEFAULT")
		if err := l.Default(t.Context(), "time_zone"); err != nil {
			t.Fatal(err)
		}
		l.Release()
		l = acquire(t, p, name, 0, nil)
		if err := l.Apply(t.Context(), NewState(), 0); err != nil {
			t.Fatal(err)
		}
		if got := one(t, l.Conn(), settings); got != want {
			t.Errorf("%s after another session: %s, want %s", name, got, want)
		}
		l.Release()
		l = acquire(t, p, name, FlagIgnoreSpace, nil)
		if got := one(t, l.Conn(), "SELECT @@sql_mode"); got != "ANSI_QUOTES,IGNORE_SPACE" {
			t.Errorf("%s with IGNORE_SPACE: %s", name, got)
		}
		l.Release()
	}
	if !slices.Equal(met, []string{"a", "b"}) {
		t.Errorf("met %v", met)
	}
}

// What a server does not take is named, and the rest is set.
func TestAlikeAsFarAsCanBe(t *testing.T) {
	addr := sharedServer(t)
	p := testPools(t, testSource("a", addr, Limits{}), testSource("b", addr, Limits{}))
	info, err := p.Probe(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	info.Session["sql_mode"] = "ANSI_QUOTES,NO_SUCH_MODE,NO_ZERO_DATE"
	info.Session["collation_server"] = "utf8mb4_0900_ai_ci"
	info.Session["cte_max_recursion_depth"] = "1000"
	info.Session["default_week_format"] = "6"
	var refused []string
	p.dialer.met = func(_ string, no []Refusal) {
		for _, r := range no {
			refused = append(refused, r.Setting)
		}
	}
	p.SetBase(BaseOf(&info))
	l := acquire(t, p, "b", 0, nil)
	defer l.Release()
	if got := strings.Join(refused, ","); got != "collation_server,cte_max_recursion_depth,sql_mode NO_SUCH_MODE" {
		t.Errorf("refused are %s", got)
	}
	if got := one(t, l.Conn(), "SELECT CONCAT(@@sql_mode,' ',@@default_week_format)"); got != "ANSI_QUOTES,NO_ZERO_DATE 6" {
		t.Errorf("set is %s", got)
	}
}

// One data source alone is left as it is, so that a SET GLOBAL shows.
func TestAloneIsLeftAlone(t *testing.T) {
	p := testPools(t, testSource("a", sharedServer(t), Limits{}))
	info, err := p.Probe(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	info.Session["default_week_format"] = "5"
	p.SetBase(BaseOf(&info))
	l := acquire(t, p, "a", 0, nil)
	defer l.Release()
	if got := one(t, l.Conn(), "SELECT @@default_week_format"); got != "0" {
		t.Errorf("default_week_format is %s", got)
	}
}
