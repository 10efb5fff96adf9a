-- compose.yaml has MySQL's image run this once, in an empty volume: a database for each service.
CREATE DATABASE bookstore_auth;
CREATE DATABASE bookstore_catalog;
CREATE DATABASE bookstore_main;
CREATE DATABASE bookstore_notifications;
GRANT ALL ON `bookstore\_%`.* TO 'bookstore'@'%';
