"""The tables and columns of the simulated Membri, as text that `metadata.py` reads.

A table: `[logical set primary_name sync? | fr | en]`. A column: `name kind [argument] [flags] | fr
| en`; the argument is a length, a choice, or `table=navigation,…`; flags are `required` (the server
insists), `recommended` (only forms insist), `readonly`, `createonly`. A collection: `navigation <
table.column`. Standard columns: Microsoft's CDM; `membri_` ones are placeholders.
"""

from __future__ import annotations

SYNC_COLUMNS = """
membri_syncstatus choice syncstatus | Statut de synchronisation | Synchronization status
membri_syncreference string 200 | Référence de synchronisation | Synchronization reference
membri_syncerror memo 500 | Erreur de synchronisation | Synchronization error
"""

ADDRESS_COLUMNS = """
address1_line1 string 250 | Adresse 1 : rue, ligne 1 | Address 1: Street 1
address1_line2 string 250 | Adresse 1 : rue, ligne 2 | Address 1: Street 2
address1_line3 string 250 | Adresse 1 : rue, ligne 3 | Address 1: Street 3
address1_city string 80 | Adresse 1 : ville | Address 1: City
address1_stateorprovince string 50 | Adresse 1 : province | Address 1: State/Province
address1_postalcode string 20 | Adresse 1 : code postal | Address 1: ZIP/Postal Code
address1_country string 80 | Adresse 1 : pays | Address 1: Country/Region
"""

COMMON_COLUMNS = """
createdon datetime readonly | Créé le | Created On
modifiedon datetime readonly | Modifié le | Modified On
versionnumber bigint readonly | Numéro de version | Version Number
createdby lookup systemuser=createdby readonly | Créé par | Created By
modifiedby lookup systemuser=modifiedby readonly | Modifié par | Modified By
ownerid lookup systemuser=ownerid | Propriétaire | Owner
"""

CURRENCY_COLUMNS = """
transactioncurrencyid lookup transactioncurrency=transactioncurrencyid createonly | Devise | Currency
exchangerate decimal 10 readonly | Taux de change | Exchange Rate
"""  # noqa: E501 — one column, one line

TABLES = """
[systemuser systemusers fullname | Utilisateur | User]
fullname string 200 | Nom complet | Full Name

[transactioncurrency transactioncurrencies currencyname | Devise | Currency]
currencyname string 100 required | Nom de la devise | Currency Name
isocurrencycode string 5 | Code de devise | Currency Code
currencyprecision int | Précision de la devise | Currency Precision
exchangerate decimal 10 | Taux de change | Exchange Rate

[membri_chapter membri_chapters membri_name | Chapitre | Chapter]
membri_name string 100 required | Nom | Name

[contact contacts fullname | Contact | Contact]
firstname string 50 | Prénom | First Name
lastname string 50 recommended | Nom | Last Name
fullname string 160 readonly | Nom complet | Full Name
emailaddress1 string 100 | Courriel | Email
telephone1 string 50 | Téléphone | Business Phone
address1_line1 string 250 | Adresse 1 : rue, ligne 1 | Address 1: Street 1
address1_city string 80 | Adresse 1 : ville | Address 1: City
address1_stateorprovince string 50 | Adresse 1 : province | Address 1: State/Province
address1_postalcode string 20 | Adresse 1 : code postal | Address 1: ZIP/Postal Code
address1_country string 80 | Adresse 1 : pays | Address 1: Country/Region
parentcustomerid customer account=parentcustomerid_account,contact=parentcustomerid_contact | Compte | Company Name

[account accounts name sync | Compte | Account]
name string 160 recommended | Nom du compte | Account Name
accountnumber string 20 | Numéro de compte | Account Number
emailaddress1 string 100 | Courriel | Email
telephone1 string 50 | Téléphone principal | Main Phone
@address
primarycontactid lookup contact=primarycontactid | Contact principal | Primary Contact
parentaccountid lookup account=parentaccountid | Compte parent | Parent Account
paymenttermscode choice terms | Modalités de paiement | Payment Terms
creditlimit money | Limite de crédit | Credit Limit
creditonhold bool | Suspension de crédit | Credit Hold
membri_newaccountforsync bool | Nouveau compte pour la synchronisation | New account for synchronization
membri_mainchapterid lookup membri_chapter=membri_MainChapterId | Chapitre principal | Main chapter

[invoice invoices name sync | Facture | Invoice]
invoice_details < invoicedetail.invoiceid
membri_invoice_membri_payment < membri_payment.membri_invoiceid
name string 300 recommended | Nom | Name
invoicenumber string 100 | Numéro de facture | Invoice ID
customerid customer account=customerid_account,contact=customerid_contact required | Client | Customer
datedelivered date | Date de livraison | Date Delivered
duedate date | Date d'échéance | Due Date
description memo 2000 | Description | Description
billto_name string 200 | Facturer à : nom | Bill To Name
billto_line1 string 250 | Facturer à : rue, ligne 1 | Bill To Street 1
billto_line2 string 250 | Facturer à : rue, ligne 2 | Bill To Street 2
billto_line3 string 250 | Facturer à : rue, ligne 3 | Bill To Street 3
billto_city string 80 | Facturer à : ville | Bill To City
billto_stateorprovince string 50 | Facturer à : province | Bill To State/Province
billto_postalcode string 20 | Facturer à : code postal | Bill To ZIP/Postal Code
billto_country string 80 | Facturer à : pays | Bill To Country/Region
totallineitemamount money | Montant total des lignes | Total Detail Amount
discountamount money | Montant de la remise | Invoice Discount Amount
discountpercentage decimal 2 | Remise (%) | Invoice Discount (%)
totaldiscountamount money | Total des remises | Total Discount Amount
freightamount money | Montant du transport | Freight Amount
totalamountlessfreight money | Total avant transport | Total Pre-Freight Amount
totaltax money | Total des taxes | Total Tax
totalamount money | Montant total | Total Amount
ispricelocked bool | Prix verrouillés | Prices Locked
paymenttermscode choice terms | Modalités de paiement | Payment Terms
membri_chapterid lookup membri_chapter=membri_ChapterId | Chapitre | Chapter
membri_invoicetype choice invoicetype | Type de facture | Invoice type
membri_invoicedate date | Date de facture | Invoice date
membri_relatedinvoiceid lookup invoice=membri_RelatedInvoiceId | Facture corrigée | Corrected invoice
membri_gstamount money | TPS | GST
membri_qstamount money | TVQ | QST

[invoicedetail invoicedetails productname | Produit de la facture | Invoice Product]
invoiceid lookup invoice=invoiceid required | Facture | Invoice
productname string 500 | Nom du produit | Product Name
productdescription string 500 | Produit hors catalogue | Write-In Product
description memo 2000 | Description | Description
isproductoverridden bool | Produit hors catalogue ? | Select Product
quantity decimal 5 | Quantité | Quantity
priceperunit money | Prix unitaire | Price Per Unit
baseamount money | Montant | Amount
manualdiscountamount money | Remise manuelle | Manual Discount
volumediscountamount money | Remise sur volume | Volume Discount
tax money | Taxe | Tax
extendedamount money | Montant étendu | Extended Amount
lineitemnumber int | Numéro de ligne | Line Item Number
sequencenumber int | Numéro d'ordre | Sequence Number
membri_gstamount money | TPS | GST
membri_qstamount money | TVQ | QST

[membri_payment membri_payments membri_name sync | Paiement | Payment]
membri_name string 100 | Nom | Name
membri_amount money | Montant | Amount
membri_invoiceid lookup invoice=membri_InvoiceId | Facture | Invoice
membri_accountid lookup account=membri_AccountId | Compte | Account
membri_paymentdate date | Date du paiement | Payment date
membri_paymenttype choice paymenttype | Type de paiement | Payment type

[sdkmessage sdkmessages name | Message SDK | Sdk Message]
name string 256 | Nom | Name

[sdkmessagefilter sdkmessagefilters name | Filtre de message SDK | Sdk Message Filter]
name string 256 | Nom | Name
primaryobjecttypecode string 64 | Type d'objet principal | Primary Object Type Code
sdkmessageid lookup sdkmessage=sdkmessageid | Message SDK | SDK Message ID
"""  # noqa: E501 — one column, one line
