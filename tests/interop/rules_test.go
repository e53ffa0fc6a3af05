package interop

import "fmt"

// The tables that the clients' checks create, by how the sharded database spreads them. What is not listed is single.
const tables = `tables:
  types: {key: id}
  accounts: {key: id}
  parents: {key: id}
  children: {key: parent_id}
  events: {key: id, generate: {column: id, type: segment}}
  notes: {key: owner, generate: {column: id, type: segment}}
  tokens: {key: id, generate: {column: id, type: uuid}}
  blobs: {key: id, generate: {column: id, type: uuid, format: binary}}
  flakes: {key: id, generate: {column: id, type: snowflake}}
  batches: {key: id}
  big: {key: id}
  sbtest1: {key: id, generate: {column: id, type: segment}}
  warehouse: {key: w_id}
  district: {key: d_w_id}
  customer: {key: c_w_id}
  orders: {key: o_w_id}
  new_orders: {key: no_w_id}
  order_line: {key: ol_w_id}
  stock: {key: s_w_id}
  history: {key: h_w_id, generate: {column: h_id, type: snowflake}}
binding:
  - [parents, children]
  - [warehouse, district, customer, orders, new_orders, order_line, stock, history]
broadcast: [countries, item]
`

// physical is a schema's name on a backend. It shares no part with the logical name that a client could be shown by
// mistake and take for it.
func physical(client, target string, shard int) string {
	return fmt.Sprintf("hxphys_%s_%s_%d", client, target, shard)
}

// ruleOne is a logical database on one data source.
func ruleOne(client, backend string) string {
	return fmt.Sprintf("database: %s_one\ndefaults: {user: root}\ndata_sources:\n  ds_0: {address: \"%s\", schema: %s}\n",
		client, backend, physical(client, "one", 0))
}

// ruleMany is a logical database that is spread over the backends by hash_slot.
func ruleMany(client string, backends []string) string {
	text := fmt.Sprintf("database: %s_many\ndefaults: {user: root}\ndata_sources:\n", client)
	for i, addr := range backends {
		text += fmt.Sprintf("  ds_%d: {address: \"%s\", schema: %s}\n", i, addr, physical(client, "many", i))
	}
	text += "slots:\n"
	for i := range backends {
		text += fmt.Sprintf("  ds_%d: %d-%d\n", i, i*16384/len(backends), (i+1)*16384/len(backends)-1)
	}
	return text + tables
}

// schemasOn are the physical schemas that backend i needs.
func schemasOn(i int) []string {
	var list []string
	for _, client := range clients {
		if i == 0 {
			list = append(list, physical(client, "one", 0))
		}
		list = append(list, physical(client, "many", i))
	}
	return list
}
