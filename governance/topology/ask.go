package topology

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/internal/gtid"
)

// selfQuery is understood by both families: a comment with an M is read by MariaDB alone, one with a version of MySQL's 5.7 to 9
// by MySQL alone. What is being committed is asked for before what is: else it could be missed between the two.
const selfQuery = "SELECT @@server_id,@@read_only" +
	"/*M!100000 ,'MariaDB',@@gtid_binlog_pos,@@gtid_slave_pos,@@gtid_binlog_state,@@rpl_semi_sync_master_enabled OR @@rpl_semi_sync_slave_enabled*/" +
	"/*!50700 ,@@version,CONCAT(@@server_uuid,' ',@@global.gtid_mode),@@global.gtid_owned,@@global.gtid_executed," +
	"(SELECT COUNT(*)>0 FROM performance_schema.global_variables WHERE VARIABLE_VALUE='ON' AND VARIABLE_NAME IN " +
	"('rpl_semi_sync_source_enabled','rpl_semi_sync_replica_enabled','rpl_semi_sync_master_enabled','rpl_semi_sync_slave_enabled'))*/"

// oldest of MySQL's versions has all the statements and names by which replication is asked for and changed here.
const oldest = "8.0.26"

// ask puts the questions to one server.
func ask(ctx context.Context, conn *sql.Conn, address string) Observation {
	o := Observation{Address: address, Began: time.Now()}
	err := askSelf(ctx, conn, &o)
	if err == nil && o.Denied == "" {
		err = askSource(ctx, conn, &o)
	}
	o.At = time.Now()
	o.failed(err)
	return o
}

// failed sorts out what an error says of the server: an ERR says that it lives.
func (o *Observation) failed(err error) {
	if err == nil {
		return
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		o.Denied = fmt.Sprintf("%s, error %d", e.Message, e.Number)
		return
	}
	o.Err = err.Error()
	var op *net.OpError
	o.Refused = errors.Is(err, syscall.ECONNREFUSED) && errors.As(err, &op) || errors.Is(err, syscall.ENOENT)
}

func askSelf(ctx context.Context, conn *sql.Conn, o *Observation) error {
	var readOnly, family, second, third, fourth, semiSync string
	err := conn.QueryRowContext(ctx, selfQuery).Scan(&o.ServerID, &readOnly, &family, &second, &third, &fourth, &semiSync)
	if err != nil {
		return err
	}
	o.ReadOnly, o.SemiSync = readOnly != "0", semiSync == "1"
	if family == "MariaDB" {
		return o.byDomains(second, third, fourth)
	}
	uuid, mode, _ := strings.Cut(second, " ")
	switch {
	case olderThan(family, oldest):
		o.Denied = "replication of MySQL is understood from " + oldest + " on, and it is " + family
	case mode != "ON":
		o.Denied = "gtid_mode is " + mode + ", and has to be ON: without GTIDs nobody knows which server has what"
	default:
		return o.bySet(uuid, third, fourth)
	}
	return nil
}

// byDomains reads what MariaDB says.
func (o *Observation) byDomains(written, applied, history string) (err error) {
	if o.Written, err = gtid.Parse(written); err != nil {
		return err
	}
	if o.Applied, err = gtid.Parse(applied); err != nil {
		return err
	}
	for one := range strings.SplitSeq(history, ",") {
		if g, ok := gtid.ParseOne(strings.TrimSpace(one)); ok {
			o.History = append(o.History, g)
		}
	}
	o.receivedOfDomains()
	return nil
}

// receivedOfDomains notes what a server of MariaDB's has from others: where it begins to follow may be what it wrote last itself.
func (o *Observation) receivedOfDomains() {
	o.Received.Domains = nil
	for _, g := range o.Applied.Domains {
		if g.Server != o.ServerID {
			o.Received.Domains = o.Received.Domains.With(g)
		}
	}
}

// owner is what @@gtid_owned has behind each transaction: the thread that is about to commit it.
var owner = regexp.MustCompile(`#\d+`)

// bySet reads what MySQL says.
func (o *Observation) bySet(uuid, owned, executed string) (err error) {
	if o.UUID, err = gtid.ParseUUID(uuid); err != nil {
		return err
	}
	set, err := gtid.ParseSet(executed)
	if err != nil {
		return err
	}
	begun, err := gtid.ParseSet(owner.ReplaceAllString(owned, ""))
	if err != nil {
		return err
	}
	o.setOf(set, begun)
	return nil
}

// setOf notes what a server of MySQL's has, and what it is about to have.
func (o *Observation) setOf(executed, begun gtid.Set) {
	o.Written.Set, o.Applied.Set, o.Logged = executed, executed, executed
	if len(begun) > 0 {
		o.Logged = executed.Clone().Merge(begun)
	}
	o.Own = executed.Of(o.UUID)
	o.Received.Set = executed.Minus(o.Own)
}

// olderThan compares versions by their numbers.
func olderThan(version, than string) bool {
	var a, b [3]int
	_, _ = fmt.Sscanf(version, "%d.%d.%d", &a[0], &a[1], &a[2]) // what is not read is 0
	_, _ = fmt.Sscanf(than, "%d.%d.%d", &b[0], &b[1], &b[2])
	return slices.Compare(a[:], b[:]) < 0
}

// newNames are MySQL's of today for what MariaDB, and MySQL before, call otherwise.
var newNames = strings.NewReplacer("Master", "Source", "Slave", "Replica", "Connection_name", "Channel_Name")

// askSource reads whom a server follows by the names of the columns, which differ from version to version. Of several sources
// that of the unnamed connection counts, which is what one source has; else the first.
func askSource(ctx context.Context, conn *sql.Conn, o *Observation) error {
	rows, err := conn.QueryContext(ctx, "SHOW /*M!100000 ALL SLAVES*//*!50700 REPLICA*/ STATUS")
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	cells, into := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range cells {
		into[i] = &cells[i]
	}
	for first := true; rows.Next(); first = false {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row := make(map[string]sql.NullString, len(names))
		for i, name := range names {
			row[newNames.Replace(name)] = cells[i]
		}
		if strings.HasPrefix(row["Channel_Name"].String, "group_replication_") {
			o.Denied = "Group Replication is not understood"
			return nil
		}
		if first || row["Channel_Name"].String == "" {
			o.follows(row)
		}
	}
	return rows.Err()
}

// filters are the columns of settings by which a replica has not all that its primary has.
var filters = []string{
	"Replicate_Do_DB", "Replicate_Ignore_DB", "Replicate_Do_Table", "Replicate_Ignore_Table", "Replicate_Wild_Do_Table",
	"Replicate_Wild_Ignore_Table", "Replicate_Do_Domain_Ids", "Replicate_Ignore_Domain_Ids", "Replicate_Rewrite_DB",
}

func (o *Observation) follows(row map[string]sql.NullString) {
	o.Follows = true
	o.Source = net.JoinHostPort(row["Source_Host"].String, row["Source_Port"].String)
	id, _ := strconv.ParseUint(row["Source_Server_Id"].String, 10, 32) // 0 where there is none
	o.SourceID = uint32(id)
	io := row["Replica_IO_Running"].String
	o.Connected, o.Fetches = io == "Yes", io != "No"
	o.Applies = row["Replica_SQL_Running"].String == "Yes"
	if late := row["Seconds_Behind_Source"]; late.Valid {
		n, err := strconv.Atoi(late.String)
		o.Behind, o.BehindKnown = time.Duration(n)*time.Second, err == nil
	}
	for _, name := range filters {
		if v := row[name].String; v != "" {
			o.Filter = name + "=" + v
		}
	}
	o.ReplicaError = row["Last_SQL_Error"].String
	if o.ReplicaError == "" {
		o.ReplicaError = row["Last_IO_Error"].String
	}
}
