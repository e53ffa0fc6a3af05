package topology

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/internal/gtid"
)

const selfQuery = "SELECT @@server_id,@@read_only,@@gtid_binlog_pos,@@gtid_slave_pos,@@gtid_binlog_state,@@rpl_semi_sync_master_enabled,@@rpl_semi_sync_slave_enabled"

// ask puts the questions to one server.
func ask(ctx context.Context, conn *sql.Conn, address string) Observation {
	o := Observation{Address: address, Began: time.Now()}
	err := askSelf(ctx, conn, &o)
	if err == nil {
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
	var readOnly, written, applied, history, master, slave string
	err := conn.QueryRowContext(ctx, selfQuery).Scan(&o.ServerID, &readOnly, &written, &applied, &history, &master, &slave)
	if err != nil {
		return err
	}
	o.ReadOnly = readOnly != "0"
	o.SemiSync = master == "1" || slave == "1"
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
	return nil
}

// askSource reads SHOW ALL SLAVES STATUS by the names of its columns, which differ from version to version. Of several sources
// that of the unnamed connection counts, which is what one source has; else the first.
func askSource(ctx context.Context, conn *sql.Conn, o *Observation) error {
	rows, err := conn.QueryContext(ctx, "SHOW ALL SLAVES STATUS")
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
			row[name] = cells[i]
		}
		if first || row["Connection_name"].String == "" {
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
	o.Source = net.JoinHostPort(row["Master_Host"].String, row["Master_Port"].String)
	id, _ := strconv.ParseUint(row["Master_Server_Id"].String, 10, 32) // 0 where there is none
	o.SourceID = uint32(id)
	io := row["Slave_IO_Running"].String
	o.Connected, o.Fetches = io == "Yes", io != "No"
	o.Applies = row["Slave_SQL_Running"].String == "Yes"
	if late := row["Seconds_Behind_Master"]; late.Valid {
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
