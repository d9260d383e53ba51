DROP TABLE families;
