package xa

import (
	"fmt"
	"strings"
	"testing"
)

// clientTable is what a session does about each statement in the states NON-EXISTING, ACTIVE, IDLE, PREPARED and ROLLBACK ONLY, where it names the
// session's own transaction and where it names another. tests/differential TestClientXAStates has servers say the same.
const clientTable = `START own: open→ACTIVE; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL;
START other: open→ACTIVE; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL;
START JOIN own: XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL;
START JOIN other: XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL;
START RESUME own: XAER_INVAL; XAER_INVAL; reopen→ACTIVE; XAER_INVAL; XAER_INVAL;
START RESUME other: XAER_INVAL; XAER_INVAL; XAER_NOTA; XAER_INVAL; XAER_INVAL;
END own: XAER_RMFAIL; close→IDLE; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL;
END other: XAER_RMFAIL; XAER_NOTA; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL;
END SUSPEND own: XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL;
END SUSPEND other: XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL;
PREPARE own: XAER_RMFAIL; XAER_RMFAIL; keep→PREPARED; XAER_RMFAIL; XAER_RMFAIL;
PREPARE other: XAER_RMFAIL; XAER_RMFAIL; XAER_NOTA; XAER_RMFAIL; XAER_RMFAIL;
COMMIT own: commit another's; XAER_RMFAIL; XAER_RMFAIL; commit→NON-EXISTING; XAER_RMFAIL;
COMMIT other: commit another's; XAER_OUTSIDE; XAER_OUTSIDE; XAER_OUTSIDE; XAER_OUTSIDE;
ONE PHASE own: XAER_INVAL; XAER_RMFAIL; commit→NON-EXISTING; XAER_INVAL; XA_RBDEADLOCK→NON-EXISTING;
ONE PHASE other: XAER_INVAL; XAER_OUTSIDE; XAER_OUTSIDE; XAER_OUTSIDE; XAER_OUTSIDE;
ROLLBACK own: roll back another's; XAER_RMFAIL; roll back→NON-EXISTING; roll back→NON-EXISTING; roll back→NON-EXISTING;
ROLLBACK other: roll back another's; XAER_OUTSIDE; XAER_OUTSIDE; XAER_OUTSIDE; XAER_OUTSIDE;
`

// clientTableMySQL is the same on MySQL, where PREPARED is no session's state; the last column is of what MySQL has rolled back, untold.
const clientTableMySQL = `START own: open→ACTIVE; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL;
START other: open→ACTIVE; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL;
START JOIN own: XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL;
START JOIN other: XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL;
START RESUME own: XAER_INVAL; XAER_INVAL; reopen→ACTIVE; XAER_INVAL; XAER_INVAL; XAER_INVAL;
START RESUME other: XAER_INVAL; XAER_INVAL; XAER_NOTA; XAER_INVAL; XAER_INVAL; XAER_INVAL;
END own: XAER_RMFAIL; close→IDLE; XAER_RMFAIL; XAER_RMFAIL; tell XA_RBDEADLOCK; tell XA_RBDEADLOCK→ROLLBACK ONLY;
END other: XAER_RMFAIL; XAER_NOTA; XAER_RMFAIL; XAER_RMFAIL; XAER_NOTA; XAER_NOTA;
END SUSPEND own: XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL;
END SUSPEND other: XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL; XAER_INVAL;
PREPARE own: XAER_RMFAIL; XAER_RMFAIL; keep→NON-EXISTING; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL;
PREPARE other: XAER_RMFAIL; XAER_RMFAIL; XAER_NOTA; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL;
COMMIT own: commit another's; XAER_RMFAIL; XAER_RMFAIL; commit→NON-EXISTING; XA_RBDEADLOCK→NON-EXISTING; XA_RBDEADLOCK→NON-EXISTING;
COMMIT other: commit another's; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL;
ONE PHASE own: commit another's; XAER_RMFAIL; commit→NON-EXISTING; XAER_INVAL; XA_RBDEADLOCK→NON-EXISTING; XA_RBDEADLOCK→NON-EXISTING;
ONE PHASE other: commit another's; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL;
ROLLBACK own: roll back another's; XAER_RMFAIL; roll back→NON-EXISTING; roll back→NON-EXISTING; roll back→NON-EXISTING; XAER_RMFAIL;
ROLLBACK other: roll back another's; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL; XAER_RMFAIL;
`

var clientVerbs = []string{"START", "START JOIN", "START RESUME", "END", "END SUSPEND", "PREPARE", "COMMIT", "ONE PHASE", "ROLLBACK"}

// TestClientTable is all that a session can be told, in all states.
func TestClientTable(t *testing.T) {
	for mysql, want := range map[bool]string{false: clientTable, true: clientTableMySQL} {
		if got := clientAnswers(mysql); got != want {
			t.Errorf("MySQL %v: it is\n%s\nwant\n%s", mysql, got, want)
		}
	}
}

func clientAnswers(mysql bool) string {
	last := ClientRollbackOnly
	if mysql {
		last = ClientVictim
	}
	var got strings.Builder
	for verb, name := range clientVerbs {
		for _, whose := range []string{"own", "other"} {
			fmt.Fprintf(&got, "%s %s:", name, whose)
			for s := NonExisting; s <= last; s++ {
				move, next := s.Take(ClientStatement{Verb: ClientVerb(verb), Same: whose == "own" && s != NonExisting, Within: s != NonExisting, MySQL: mysql})
				fmt.Fprintf(&got, " %s", move)
				if next != s {
					fmt.Fprintf(&got, "→%s", next)
				}
				got.WriteByte(';')
			}
			got.WriteByte('\n')
		}
	}
	return got.String()
}

// TestClientBesides: what else a session is in.
func TestClientBesides(t *testing.T) {
	for _, c := range []struct {
		in   ClientState
		st   ClientStatement
		want ClientMove
	}{
		{NonExisting, ClientStatement{Verb: VerbStart, Unnamed: true}, RefuseArgument},
		{ClientActive, ClientStatement{Verb: VerbStart, Unnamed: true}, RefuseArgument},
		{NonExisting, ClientStatement{Verb: VerbStart, Within: true}, RefuseOutside},
		{NonExisting, ClientStatement{Verb: VerbStart, Locked: true}, RefuseOutside},
		{NonExisting, ClientStatement{Verb: VerbCommit, Within: true}, RefuseOutside},
		{NonExisting, ClientStatement{Verb: VerbRollback, Within: true}, RefuseOutside},
		{NonExisting, ClientStatement{Verb: VerbOnePhase, Within: true}, RefuseOutside},
		{NonExisting, ClientStatement{Verb: VerbCommit, Manual: true}, RefuseOutside},
		{NonExisting, ClientStatement{Verb: VerbStart, Manual: true}, OpenClient},
		{NonExisting, ClientStatement{Verb: VerbCommit, Locked: true}, CommitOther},
		{NonExisting, ClientStatement{Verb: VerbEnd, Within: true}, RefuseState},
		{NonExisting, ClientStatement{Verb: VerbStart, Unnamed: true, MySQL: true}, OpenClient},
		{NonExisting, ClientStatement{Verb: VerbCommit, Within: true, MySQL: true}, RefuseState},
		{NonExisting, ClientStatement{Verb: VerbOnePhase, Within: true, MySQL: true}, RefuseState},
		{NonExisting, ClientStatement{Verb: VerbCommit, Manual: true, MySQL: true}, CommitOther},
		{NonExisting, ClientStatement{Verb: VerbOnePhase, MySQL: true}, CommitOther},
	} {
		if got, next := c.in.Take(c.st); got != c.want || (got < OpenClient && next != c.in) {
			t.Errorf("%s %+v: %s, then %s, want %s", c.in, c.st, got, next, c.want)
		}
	}
}
