-- 100,000 orders of 997 customers, each with a payment and a delivery; of a thousand one is paid,
-- one is on its way, and the others are delivered. MariaDB and MySQL; statements end with a line.
CREATE TABLE digits AS
SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4
UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9;

CREATE TABLE numbers AS
SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 1 AS n,
    TIMESTAMP('2026-01-01 00:00:00')
    + INTERVAL (a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 1) MINUTE AS at
FROM digits a JOIN digits b JOIN digits c JOIN digits e JOIN digits f;

INSERT INTO providers (id, name, contact, fee_minor)
SELECT n, CONCAT('P', n), 'x', 0 FROM numbers WHERE n <= 20;

INSERT INTO purchases (id, user_id, status, total_minor, delivery_fee_minor, currency, provider_id,
    revision, created_at, expires_at)
SELECT n, n % 997 + 1, IF(n % 1000 = 0, 'Paid', IF(n % 1000 = 1, 'On Delivery', 'Delivered')),
    n % 5000, 0, 'USD', NULL, 1, at, at FROM numbers ORDER BY n;

INSERT INTO purchase_items (purchase_id, book_id, title, quantity, unit_price_minor)
SELECT n, n % 2000 + 1, 'T', 1, 1 FROM numbers ORDER BY n;

INSERT INTO payments (id, purchase_id, user_id, amount_minor, refunded_minor, currency, method,
    status, reference, created_at)
SELECT n, n, n % 997 + 1, n % 5000, 0, 'USD', 'cash',
    IF(n % 1000 = 0, 'Processing', 'Completed'), CONCAT('r', n), at FROM numbers ORDER BY n;

INSERT INTO assignments (id, purchase_id, provider_id, status, created_at, updated_at)
SELECT n, n, n % 20 + 1, IF(n % 1000 = 0, 'Assigned', 'Delivered'), at, at
FROM numbers ORDER BY n;

ANALYZE TABLE purchases, purchase_items, payments, assignments
