package wire

// ChangeKind is the type of one entry of session tracking.
type ChangeKind byte

// Kinds of change. Source: MySQL "enum_session_state_type"; 6 is MariaDB's.
const (
	ChangeVariable         ChangeKind = 0 // Name, Value
	ChangeSchema           ChangeKind = 1 // Value: the new default database
	ChangeState            ChangeKind = 2 // Value: "1"
	ChangeGTIDs            ChangeKind = 3 // Value: the GTIDs of the transaction
	ChangeTxCharacteristic ChangeKind = 4 // Value: statements that begin such a transaction
	ChangeTxState          ChangeKind = 5 // Value: eight letters
	ChangeUserVariable     ChangeKind = 6 // Name, Value
)

// SessionChange is one thing that changed in a session.
type SessionChange struct {
	Kind  ChangeKind
	Name  []byte // of ChangeVariable and ChangeUserVariable
	Value []byte // of an unknown kind: the entry as it came
}

// AppendSessionChange appends c to what OK.Track holds.
func AppendSessionChange(b []byte, c SessionChange) []byte {
	b = append(b, byte(c.Kind))
	value := lenencSize(len(c.Value)) + len(c.Value)
	switch c.Kind {
	case ChangeVariable, ChangeUserVariable:
		b = AppendLenenc(b, uint64(lenencSize(len(c.Name))+len(c.Name)+value))
		b = AppendLenencString(b, c.Name)
	case ChangeGTIDs:
		b = AppendLenenc(b, uint64(1+value))
		b = append(b, 0) // encoding specification: text
	case ChangeSchema, ChangeTxCharacteristic, ChangeTxState:
		b = AppendLenenc(b, uint64(value))
	default: // ChangeState too, whose text has no length of its own
		return AppendLenencString(b, c.Value)
	}
	return AppendLenencString(b, c.Value)
}

// SessionChanges calls yield for each entry of track (OK.Track) until it returns false. The change aliases track.
// MariaDB may put several variables into one entry: each is one call.
// Source: MySQL "OK_Packet", session state information; MariaDB "OK_Packet". Both manuals give ChangeState an inner length, which
// neither server writes nor its client library reads: MySQL sql/session_tracker.cc, Session_state_change_tracker::store.
func SessionChanges(track []byte, yield func(SessionChange) bool) error {
	c := cursor{p: track}
	for !c.empty() {
		kind := ChangeKind(c.u8())
		entry := cursor{p: c.lenencBytes()}
		if c.bad {
			return malformed("session state")
		}
		for more := true; more; {
			change := SessionChange{Kind: kind}
			switch kind {
			case ChangeVariable, ChangeUserVariable:
				change.Name, change.Value = entry.lenencBytes(), entry.lenencBytes()
				more = !entry.empty()
			case ChangeGTIDs:
				entry.u8()
				change.Value, more = entry.lenencBytes(), false
			case ChangeSchema, ChangeTxCharacteristic, ChangeTxState:
				change.Value, more = entry.lenencBytes(), false
			default:
				change.Value, more = entry.rest(), false
			}
			if entry.bad {
				return malformed("session state")
			}
			if !yield(change) {
				return nil
			}
		}
	}
	return nil
}
