-- What a server finds equal and what it stores: the golden of the rules in Keyer.ForCompare and Keyer.ForStore.
--
--   mariadb --batch --raw --skip-column-names --default-character-set=utf8mb4 < conversions.sql > conversions.tsv
--
-- on a MariaDB 10.10 or newer with a database to create. The result has two kinds of lines, their values in hexadecimal
-- of the text (x before it; NULL is -):
--   store    type  collation  kind  value  stored in strict mode, or the error number  stored in permissive mode, or the error number
--   compare  type  collation  kind  value  the stored values that = finds, with commas between, or the error number
SET NAMES utf8mb4; SET time_zone='+00:00'; SET SESSION sql_mode='NO_ENGINE_SUBSTITUTION'; SET group_concat_max_len=1000000; SET max_error_count=0;
CREATE DATABASE heddle_conversions; USE heddle_conversions;
CREATE TABLE types (n INT AUTO_INCREMENT PRIMARY KEY, t TEXT, c TEXT) CHARSET utf8mb4;
CREATE TABLE literals (n INT AUTO_INCREMENT PRIMARY KEY, kind VARCHAR(10), x TEXT COLLATE utf8mb4_bin, v VARBINARY(100)) CHARSET utf8mb4;
CREATE TABLE stored (c VARBINARY(400) PRIMARY KEY);
CREATE TABLE result (n INT AUTO_INCREMENT PRIMARY KEY, line LONGTEXT COLLATE utf8mb4_bin) CHARSET utf8mb4;
INSERT INTO types (t,c) VALUES ('int(11)',''),
 ('int(10) unsigned',''),
 ('bigint(20)',''),
 ('bigint(20) unsigned',''),
 ('tinyint(4)',''),
 ('decimal(10,2)',''),
 ('decimal(20,4)',''),
 ('decimal(5,0) unsigned',''),
 ('varchar(10)','utf8mb4_general_ci'),
 ('varchar(10)','utf8mb4_bin'),
 ('varchar(10)','utf8mb4_general_nopad_ci'),
 ('varchar(10)','utf8mb4_uca1400_ai_ci'),
 ('varchar(10)','latin1_swedish_ci'),
 ('char(10)','utf8mb4_general_ci'),
 ('char(10)','utf8mb4_nopad_bin'),
 ('varbinary(10)',''),
 ('binary(4)',''),
 ('date',''),
 ('datetime',''),
 ('datetime(3)',''),
 ('timestamp',''),
 ('time',''),
 ('time(2)',''),
 ('year(4)',''),
 ('enum(''a'',''B'',''1'',''2'',''it''''s'')','utf8mb4_general_ci');
INSERT INTO literals (kind,x,v) VALUES ('int','0',x'30'),
 ('int','1',x'31'),
 ('int','-1',x'2d31'),
 ('int','2',x'32'),
 ('int','7',x'37'),
 ('int','3',x'33'),
 ('int','10',x'3130'),
 ('int','2024',x'32303234'),
 ('int','99',x'3939'),
 ('int','69',x'3639'),
 ('int','70',x'3730'),
 ('int','1901',x'31393031'),
 ('int','2155',x'32313535'),
 ('int','2156',x'32313536'),
 ('int','20240102',x'3230323430313032'),
 ('int','20240102030405',x'3230323430313032303330343035'),
 ('int','30405',x'3330343035'),
 ('int','127',x'313237'),
 ('int','128',x'313238'),
 ('int','255',x'323535'),
 ('int','256',x'323536'),
 ('int','2147483647',x'32313437343833363437'),
 ('int','2147483648',x'32313437343833363438'),
 ('int','4294967295',x'34323934393637323935'),
 ('int','9007199254740992',x'39303037313939323534373430393932'),
 ('int','9007199254740993',x'39303037313939323534373430393933'),
 ('int','9223372036854775807',x'39323233333732303336383534373735383037'),
 ('int','-9223372036854775808',x'2d39323233333732303336383534373735383038'),
 ('uint','18446744073709551615',x'3138343436373434303733373039353531363135'),
 ('uint','9223372036854775808',x'39323233333732303336383534373735383038'),
 ('decimal','1.0',x'312e30'),
 ('decimal','1.5',x'312e35'),
 ('decimal','2.5',x'322e35'),
 ('decimal','-1.5',x'2d312e35'),
 ('decimal','-0.5',x'2d302e35'),
 ('decimal','0.5',x'302e35'),
 ('decimal','0.4',x'302e34'),
 ('decimal','1.50',x'312e3530'),
 ('decimal','0.005',x'302e303035'),
 ('decimal','1.005',x'312e303035'),
 ('decimal','1.015',x'312e303135'),
 ('decimal','1.999',x'312e393939'),
 ('decimal','100.00',x'3130302e3030'),
 ('decimal','99999999.99',x'39393939393939392e3939'),
 ('decimal','99999999.995',x'39393939393939392e393935'),
 ('decimal','999999999.0',x'3939393939393939392e30'),
 ('decimal','9007199254740993.0',x'393030373139393235343734303939332e30'),
 ('decimal','0.0',x'302e30'),
 ('decimal','-0.0',x'2d302e30'),
 ('decimal','2024.0',x'323032342e30'),
 ('decimal','9223372036854775807.4',x'393232333337323033363835343737353830372e34'),
 ('decimal','12345.00005',x'31323334352e3030303035'),
 ('double','1e0',x'316530'),
 ('double','1.5e0',x'312e356530'),
 ('double','2.5e0',x'322e356530'),
 ('double','3.5e0',x'332e356530'),
 ('double','1e3',x'316533'),
 ('double','0.1e0',x'302e316530'),
 ('double','1e30',x'31653330'),
 ('double','9007199254740992e0',x'393030373139393235343734303939326530'),
 ('double','9007199254740993e0',x'393030373139393235343734303939336530'),
 ('double','12345678.91e0',x'31323334353637382e39316530'),
 ('double','100.1e0',x'3130302e316530'),
 ('double','2024e0',x'323032346530'),
 ('double','1.005e0',x'312e3030356530'),
 ('double','-1e0',x'2d316530'),
 ('double','0e0',x'306530'),
 ('string','''''',x''),
 ('string',''' ''',x'20'),
 ('string','''1''',x'31'),
 ('string','''01''',x'3031'),
 ('string',''' 1''',x'2031'),
 ('string','''1 ''',x'3120'),
 ('string','''  1  ''',x'2020312020'),
 ('string','''1.0''',x'312e30'),
 ('string','''1e0''',x'316530'),
 ('string','''1e1''',x'316531'),
 ('string','''1.5''',x'312e35'),
 ('string','''2.5''',x'322e35'),
 ('string','''-1''',x'2d31'),
 ('string','''1a''',x'3161'),
 ('string','''a''',x'61'),
 ('string','''+1''',x'2b31'),
 ('string','''-0''',x'2d30'),
 ('string','''0''',x'30'),
 ('string','''0x1''',x'307831'),
 ('string','''1e''',x'3165'),
 ('string','''.5''',x'2e35'),
 ('string','''1.''',x'312e'),
 ('string','''--1''',x'2d2d31'),
 ('string','''\\t1''',x'0931'),
 ('string','''1\\n''',x'310a'),
 ('string','''1 a''',x'312061'),
 ('string','''a ''',x'6120'),
 ('string','''A''',x'41'),
 ('string','''B''',x'42'),
 ('string','''b''',x'62'),
 ('string','''é''',x'c3a9'),
 ('string','''É''',x'c389'),
 ('string','''it''''s''',x'69742773'),
 ('string','''2024''',x'32303234'),
 ('string','''24''',x'3234'),
 ('string','''2024-01-02''',x'323032342d30312d3032'),
 ('string','''2024-1-2''',x'323032342d312d32'),
 ('string','''20240102''',x'3230323430313032'),
 ('string','''2024-01-02 03:04:05''',x'323032342d30312d30322030333a30343a3035'),
 ('string','''2024-01-02T03:04:05''',x'323032342d30312d30325430333a30343a3035'),
 ('string','''2024-01-02 00:00:00''',x'323032342d30312d30322030303a30303a3030'),
 ('string','''2024-01-02 00:00:00.0''',x'323032342d30312d30322030303a30303a30302e30'),
 ('string','''2024-01-02 03:04:05.5''',x'323032342d30312d30322030333a30343a30352e35'),
 ('string','''2024-01-02 03:04:05.500''',x'323032342d30312d30322030333a30343a30352e353030'),
 ('string','''2024-01-02 03:04:05.5555''',x'323032342d30312d30322030333a30343a30352e35353535'),
 ('string','''2024-01-02 23:59:59.999999''',x'323032342d30312d30322032333a35393a35392e393939393939'),
 ('string','''2024-01-02 23:59:59.9''',x'323032342d30312d30322032333a35393a35392e39'),
 ('string','''2024-01-02 3:4:5''',x'323032342d30312d303220333a343a35'),
 ('string',''' 2024-01-02''',x'20323032342d30312d3032'),
 ('string','''2024-01-02 ''',x'323032342d30312d303220'),
 ('string','''03:04:05''',x'30333a30343a3035'),
 ('string','''3:04:05''',x'333a30343a3035'),
 ('string','''-03:04:05''',x'2d30333a30343a3035'),
 ('string','''-00:00:00''',x'2d30303a30303a3030'),
 ('string','''100:00:00''',x'3130303a30303a3030'),
 ('string','''100:04:05''',x'3130303a30343a3035'),
 ('string','''03:04:05.5''',x'30333a30343a30352e35'),
 ('string','''03:04:05.50''',x'30333a30343a30352e3530'),
 ('string','''03:04:05.555''',x'30333a30343a30352e353535'),
 ('string','''838:59:59''',x'3833383a35393a3539'),
 ('string','''839:00:00''',x'3833393a30303a3030'),
 ('string','''838:59:59.5''',x'3833383a35393a35392e35'),
 ('string','''0000-00-00''',x'303030302d30302d3030'),
 ('string','''2024-00-10''',x'323032342d30302d3130'),
 ('string','''2024-02-30''',x'323032342d30322d3330'),
 ('string','''2024-02-29''',x'323032342d30322d3239'),
 ('string','''9999-12-31''',x'393939392d31322d3331'),
 ('string','''9999-12-31 23:59:59.9''',x'393939392d31322d33312032333a35393a35392e39'),
 ('string','''0001-01-01''',x'303030312d30312d3031'),
 ('string','''10:00''',x'31303a3030'),
 ('string','''abcdefghijk''',x'6162636465666768696a6b'),
 ('string','''abcdefghij''',x'6162636465666768696a'),
 ('string','''abcdefghij ''',x'6162636465666768696a20'),
 ('string','''abcdefghij  ''',x'6162636465666768696a2020'),
 ('string','''9007199254740993''',x'39303037313939323534373430393933'),
 ('string','''9007199254740992''',x'39303037313939323534373430393932'),
 ('string','''18446744073709551615''',x'3138343436373434303733373039353531363135'),
 ('string','''9223372036854775807''',x'39323233333732303336383534373735383037'),
 ('string','''9223372036854775808''',x'39323233333732303336383534373735383038'),
 ('string','''1.999''',x'312e393939'),
 ('string','''0.005''',x'302e303035'),
 ('string','''99999999.995''',x'39393939393939392e393935'),
 ('string','''99999999.99''',x'39393939393939392e3939'),
 ('string','''1,5''',x'312c35'),
 ('string','''2147483647.5''',x'323134373438333634372e35'),
 ('string','''1e-1''',x'31652d31'),
 ('string','''00000000000000000001''',x'3030303030303030303030303030303030303031'),
 ('string','''0.00000000000000000000''',x'302e3030303030303030303030303030303030303030'),
 ('string','''1901''',x'31393031'),
 ('string','''2155''',x'32313535'),
 ('string','''1900''',x'31393030'),
 ('string','''0000''',x'30303030'),
 ('string','''69''',x'3639'),
 ('binary','x''31''',x'31'),
 ('binary','x''61''',x'61'),
 ('binary','x''00''',x'00'),
 ('binary','x''6100''',x'6100'),
 ('binary','x''61000000''',x'61000000'),
 ('binary','x''4142''',x'4142'),
 ('binary','x''C3A9''',x'c3a9'),
 ('binary','x''32303234''',x'32303234'),
 ('date','DATE''2024-01-02''',x'323032342d30312d3032'),
 ('date','DATE''2024-02-29''',x'323032342d30322d3239'),
 ('datetime','TIMESTAMP''2024-01-02 03:04:05''',x'323032342d30312d30322030333a30343a3035'),
 ('datetime','TIMESTAMP''2024-01-02 00:00:00''',x'323032342d30312d30322030303a30303a3030'),
 ('datetime','TIMESTAMP''2024-01-02 03:04:05.5''',x'323032342d30312d30322030333a30343a30352e35'),
 ('datetime','TIMESTAMP''2024-01-02 23:59:59.9''',x'323032342d30312d30322032333a35393a35392e39'),
 ('time','TIME''03:04:05''',x'30333a30343a3035'),
 ('time','TIME''03:04:05.5''',x'30333a30343a30352e35'),
 ('time','TIME''-03:04:05''',x'2d30333a30343a3035');

DELIMITER //
-- as_text is the SQL of a column's text as a client reads it.
CREATE FUNCTION as_text(t TEXT) RETURNS TEXT DETERMINISTIC
  RETURN IF(t LIKE '%binary%', 'c', 'CAST(CONVERT(c USING utf8mb4) AS BINARY)')//

CREATE PROCEDURE try(IN statement TEXT CHARSET utf8mb4, OUT code INT)
BEGIN
  -- 1265 has the SQLSTATE of a warning even where strict mode makes it an error
  DECLARE CONTINUE HANDLER FOR SQLEXCEPTION, 1265 GET DIAGNOSTICS CONDITION 1 code = MYSQL_ERRNO;
  SET code = 0;
  EXECUTE IMMEDIATE statement;
END//

CREATE PROCEDURE store_one(IN mode TEXT, IN t TEXT, IN x TEXT CHARSET utf8mb4, OUT answer TEXT)
BEGIN
  DECLARE code INT;
  DELETE FROM probe;
  CALL try(CONCAT('SET STATEMENT sql_mode=''', mode, ''' FOR INSERT INTO probe (c) VALUES (', x, ')'), code);
  SET @text = NULL;
  IF EXISTS (SELECT 1 FROM probe) THEN
    CALL try(CONCAT('SELECT ', as_text(t), ' INTO @text FROM probe'), code);
    SET answer = IFNULL(CONCAT('x', HEX(@text)), '-');
  ELSE
    SET answer = code;
  END IF;
END//

CREATE PROCEDURE one_type(IN t TEXT, IN coll TEXT)
BEGIN
  DECLARE done, code INT DEFAULT 0;
  DECLARE k VARCHAR(10);
  DECLARE x TEXT CHARSET utf8mb4 COLLATE utf8mb4_bin;
  DECLARE b VARBINARY(100);
  DECLARE strict_answer, loose_answer TEXT;
  DECLARE all_literals CURSOR FOR SELECT l.kind, l.x, l.v FROM literals l ORDER BY n;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = 1;
  CALL try(CONCAT('CREATE OR REPLACE TABLE probe (c ', t, IF(coll = '', '', CONCAT(' COLLATE ', coll)), ' NULL)'), code);
  CALL try(CONCAT('CREATE OR REPLACE TABLE held (c ', t, IF(coll = '', '', CONCAT(' COLLATE ', coll)), ' NULL)'), code);
  OPEN all_literals;
  fill: LOOP
    FETCH all_literals INTO k, x, b;
    IF done THEN LEAVE fill; END IF;
    CALL store_one('STRICT_ALL_TABLES', t, x, strict_answer);
    CALL store_one('NO_ENGINE_SUBSTITUTION', t, x, loose_answer);
    INSERT INTO result (line) VALUES (CONCAT_WS('\t', 'store', t, coll, k, CONCAT('x', HEX(b)), strict_answer, loose_answer));
    CALL try('SET STATEMENT sql_mode=''NO_ENGINE_SUBSTITUTION'' FOR INSERT INTO held SELECT c FROM probe', code);
    SET done = 0;
  END LOOP;
  CLOSE all_literals;
  SET done = 0;
  OPEN all_literals;
  compare: LOOP
    FETCH all_literals INTO k, x, b;
    IF done THEN LEAVE compare; END IF;
    SET @found = NULL;
    CALL try(CONCAT('SELECT GROUP_CONCAT(DISTINCT ''x'', HEX(', as_text(t), ')) INTO @found FROM held WHERE c = ', x), code);
    INSERT INTO result (line) VALUES (CONCAT_WS('\t', 'compare', t, coll, k, CONCAT('x', HEX(b)), IF(code, code, IFNULL(@found, '-'))));
    SET done = 0;
  END LOOP;
  CLOSE all_literals;
END//

CREATE PROCEDURE every_type()
  FOR r IN (SELECT t, c FROM types ORDER BY n) DO CALL one_type(r.t, r.c); END FOR//
DELIMITER ;
CALL every_type();
SELECT line FROM result ORDER BY n;
DROP DATABASE heddle_conversions;
