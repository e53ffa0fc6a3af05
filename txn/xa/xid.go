package xa

import (
	"fmt"
	"strconv"
	"strings"
)

// FormatID is the format of Heddle's XIDs. Servers do not compare it; it tells a reader of XA RECOVER whose they are.
const FormatID = 0x6864 // "hd"

// digits are those of the names: in the order of their bytes, so that what is counted up sorts.
const digits = "0123456789abcdefghjkmnpqrstvwxyz"

// The widths of the fields, in digits of five bits.
const (
	clusterWidth = 4
	logWidth     = 8
	epochWidth   = 12
	seqWidth     = 10
)

// The bits of the fields that are drawn at random.
const (
	ClusterBits = 5 * clusterWidth
	LogBits     = 5 * logWidth
	EpochBits   = 5 * epochWidth
	SeqBits     = 5 * seqWidth
)

// The first bytes of names: of Heddle's own transactions, and of those that a client prepares and ends by XA statements of its own.
const (
	gtridPrefix  = "h1-"
	clientPrefix = "c1-"
)

// Log is the identity of a data source's decision table: drawn once, when the table is made, and kept in it. A name that
// is given to another server, or a server that is given another name, has another.
type Log uint64

// String is the log as it stands in names: eight digits.
func (l Log) String() string { return string(appendDigits(nil, uint64(l), logWidth)) }

// ParseLog reads what String wrote.
func ParseLog(s string) (Log, error) {
	v, ok := number(s, logWidth)
	if !ok {
		return 0, fmt.Errorf("xa: %q is no log's name", s)
	}
	return Log(v), nil
}

// GTRID names a global transaction. Its Log is where it is decided; Epoch is the process that began it.
type GTRID struct {
	Cluster uint32 // of whose transactions it is; others leave it alone
	Log     Log
	Epoch   uint64 // drawn at random by each process at its start
	Seq     uint64 // counted by that process
	Client  bool   // what is prepared is kept until somebody decides, however long that takes
}

// ClientXID is the name that a client has given to a transaction.
type ClientXID struct {
	Format uint32 // which tells no names apart
	GTRID  string
	BQual  string
}

// Same reports whether two names are of the same transaction.
func (c ClientXID) Same(other ClientXID) bool {
	return c.GTRID == other.GTRID && c.BQual == other.BQual
}

// String is the name in XIDs: 41 bytes of the 64 that there are, "h1-cccc-llllllll-eeeeeeeeeeee-ssssssssss".
func (g GTRID) String() string {
	prefix := gtridPrefix
	if g.Client {
		prefix = clientPrefix
	}
	b := append(make([]byte, 0, 48), prefix...)
	b = append(appendDigits(b, uint64(g.Cluster), clusterWidth), '-')
	b = append(appendDigits(b, uint64(g.Log), logWidth), '-')
	b = append(appendDigits(b, g.Epoch, epochWidth), '-')
	return string(appendDigits(b, g.Seq, seqWidth))
}

// EpochName is an epoch as it stands in names.
func EpochName(epoch uint64) string { return string(appendDigits(nil, epoch, epochWidth)) }

// ParseGTRID reads what String wrote. A name of a later format is an error: it is not to be guessed at.
func ParseGTRID(s string) (GTRID, error) {
	rest, own := strings.CutPrefix(s, gtridPrefix)
	rest, client := strings.CutPrefix(rest, clientPrefix)
	fields := strings.Split(rest, "-")
	if own == client || len(fields) != 4 {
		return GTRID{}, fmt.Errorf("xa: %q is no global transaction of format h1", s)
	}
	var v [4]uint64
	for i, width := range [4]int{clusterWidth, logWidth, epochWidth, seqWidth} {
		var ok bool
		if v[i], ok = number(fields[i], width); !ok {
			return GTRID{}, fmt.Errorf("xa: %q is no global transaction of format h1", s)
		}
	}
	return GTRID{Cluster: uint32(v[0]), Log: Log(v[1]), Epoch: v[2], Seq: v[3], Client: client}, nil
}

// Qualifier names a branch within its transaction, and whom a recoverer has to see gone: the connection that has the branch,
// and the one that could still decide.
type Qualifier struct {
	Log  Log    // of the branch's data source
	Conn uint32 // the number that its server gave to the branch's connection
	Home uint32 // the number of the connection that decides, on the server of the transaction's log
}

// String is the name in XIDs: at most 30 bytes, "llllllll-17-4".
func (q Qualifier) String() string {
	b := append(appendDigits(make([]byte, 0, 32), uint64(q.Log), logWidth), '-')
	b = append(strconv.AppendUint(b, uint64(q.Conn), 10), '-')
	return string(strconv.AppendUint(b, uint64(q.Home), 10))
}

// ParseQualifier reads what String wrote.
func ParseQualifier(s string) (Qualifier, error) {
	fields := strings.Split(s, "-")
	if len(fields) != 3 {
		return Qualifier{}, fmt.Errorf("xa: %q is no branch", s)
	}
	log, ok := number(fields[0], logWidth)
	conn, err := strconv.ParseUint(fields[1], 10, 32)
	home, err2 := strconv.ParseUint(fields[2], 10, 32)
	if !ok || err != nil || err2 != nil {
		return Qualifier{}, fmt.Errorf("xa: %q is no branch", s)
	}
	return Qualifier{Log: Log(log), Conn: uint32(conn), Home: uint32(home)}, nil
}

// XID names one branch of one transaction.
type XID struct {
	GTRID  GTRID
	Branch Qualifier
}

// String is the XID as XA statements take it.
func (x XID) String() string {
	return "'" + x.GTRID.String() + "','" + x.Branch.String() + "'," + strconv.Itoa(FormatID)
}

// ParseXID reads the columns of XA RECOVER; ok is false where the XID is not one of Heddle's.
func ParseXID(formatID int64, gtridLength int, data string) (x XID, ok bool) {
	if formatID != FormatID || gtridLength < 0 || gtridLength > len(data) {
		return XID{}, false
	}
	g, err := ParseGTRID(data[:gtridLength])
	if err != nil {
		return XID{}, false
	}
	q, err := ParseQualifier(data[gtridLength:])
	return XID{GTRID: g, Branch: q}, err == nil
}

// appendDigits writes the lower bits of v.
func appendDigits(b []byte, v uint64, width int) []byte {
	for i := width - 1; i >= 0; i-- {
		b = append(b, digits[v>>(5*i)&31])
	}
	return b
}

func number(s string, width int) (v uint64, ok bool) {
	if len(s) != width {
		return 0, false
	}
	for i := range len(s) {
		d := strings.IndexByte(digits, s[i])
		if d < 0 {
			return 0, false
		}
		v = v<<5 | uint64(d)
	}
	return v, true
}
