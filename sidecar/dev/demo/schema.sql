-- Sharded by id.
CREATE TABLE users (
  id BIGINT NOT NULL PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  city VARCHAR(40) NOT NULL,
  joined DATE NOT NULL
);

-- Sharded by user_id, beside its user. Heddle generates the id where a statement gives none.
CREATE TABLE orders (
  id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  status ENUM('new', 'paid', 'sent', 'returned') NOT NULL DEFAULT 'new',
  total DECIMAL(10,2) NOT NULL,
  created DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (user_id, id),
  KEY (created)
);

-- Sharded by user_id, beside its order.
CREATE TABLE order_items (
  user_id BIGINT NOT NULL,
  order_id BIGINT NOT NULL,
  line SMALLINT NOT NULL,
  product_id INT NOT NULL,
  quantity INT NOT NULL,
  price DECIMAL(8,2) NOT NULL,
  PRIMARY KEY (user_id, order_id, line)
);

-- Broadcast: a full copy on every server.
CREATE TABLE products (
  id INT NOT NULL PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  category VARCHAR(20) NOT NULL,
  price DECIMAL(8,2) NOT NULL
);

-- Not in the rules: a single table.
CREATE TABLE shop_settings (
  name VARCHAR(40) NOT NULL PRIMARY KEY,
  value VARCHAR(200) NOT NULL
);
