-- One job as version 1 kept it.
PRAGMA user_version = 1;
PRAGMA application_id = 1164075569;
INSERT INTO life VALUES (1, 'b0071d');
INSERT INTO job VALUES (
    17, x'a7a7a7a7a7a747a7a7a7a7a7a7a7a7a7',
    1001, 1001, '4,27', '3', NULL, 'b0071d', 1700000000,
    1002, 1002, '', '4', x'756e636f6e66696e6564', 'b0071d', 1700000001,
    3, 'nightly', 'the nightly image', 'high', 600, 1209600, 7776000, 0,
    17, x'2f62696e2f7472756500', 250, 'override', 'http://proxy:3128', '<local>', 2147483751, 0, 0, 1048576, 20480, 0, 1,
    'GET', 258, 416, 27, 1, 1, 1,
    'completing', NULL, NULL,
    'http-status', 503, 0, 'busy', 120, 2,
    1700000000, 1700000002, 1700000002, 1700000003, 5, 0, 0, NULL, 61000, NULL, 'owed', 1, 62000
);
INSERT INTO sealed VALUES (17, 'headers', x'000102030405060708090a0b', x'5ea1ed');
INSERT INTO sealed VALUES (17, 'certificate', x'0e0f101112131415161718ff', x'ce47');
INSERT INTO sealed VALUES (17, 'proxy-negotiate', x'0c0d0e0f1011121314151617', x'c0ffee');
INSERT INTO authorities VALUES (17, x'2d2d2d2d2d', 1);
INSERT INTO file VALUES (
    17, 0, 'https://localhost/nightly.img', x'2f737276', x'6e696768746c792e696d67', 2049, 131073, 1, NULL, 0, NULL, NULL, NULL, NULL,
    x'2e6e696768746c792e696d672e58585858585858582e656262', 2049, -1, 1002, 0,
    NULL, NULL, NULL, NULL,
    4096, 4096, NULL, NULL, x'22763122', NULL, 0, 8192, NULL, 'unfinished', NULL, 206, NULL, 8192, 0, NULL
);
INSERT INTO event VALUES (
    40, x'a7a7a7a7a7a747a7a7a7a7a7a7a7a7a7', 1700000002, 0, 'state',
    'transferred', 'transferring', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
);
INSERT INTO event VALUES (
    41, x'a7a7a7a7a7a747a7a7a7a7a7a7a7a7a7', 1700000002, 1, 'error',
    NULL, NULL, NULL, NULL, NULL, 'http-status', 503, 0, 'busy', 120
);
INSERT INTO missing VALUES (1001, 39);
INSERT INTO history VALUES (17, 6, 1700000000, 1001, 'resume', '', 'queued');
INSERT INTO history VALUES (17, 7, 1700000002, NULL, 'trouble', 'http-503, file 0: busy', 'error');
INSERT INTO network VALUES (1, 'eth0 c0000201');
INSERT INTO path VALUES (1001, x'c63364', 20500, 1700000001, 6250000, 1700000000);
