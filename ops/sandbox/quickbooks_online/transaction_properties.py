"""The properties of invoices, credit memos, payments and journal entries."""

from __future__ import annotations

from ops.sandbox.quickbooks_online.kinds import (
    ADDRESS,
    ANY,
    BASE,
    BOOL,
    CUSTOM_FIELDS,
    DATE,
    EMAIL,
    LINKS,
    MONEY,
    NUMBER,
    REF,
    WHOLE,
    Kind,
    many,
    one_of,
    record,
    text,
)

SALES_ITEM = record(
    ItemRef=REF,
    ItemAccountRef=REF,
    ClassRef=REF,
    TaxCodeRef=REF,
    PriceLevelRef=REF,
    UnitPrice=NUMBER,
    Qty=NUMBER,
    ServiceDate=DATE,
    TaxInclusiveAmt=MONEY,
    TaxClassificationRef=REF,
    DiscountAmt=MONEY,
    DiscountRate=NUMBER,
    MarkupInfo=ANY,
)
DISCOUNT = record(
    PercentBased=BOOL,
    DiscountPercent=NUMBER,
    DiscountAccountRef=REF,
    ClassRef=REF,
    TaxCodeRef=REF,
    Discount=ANY,
    ServiceDate=DATE,
)
JOURNAL = record(
    PostingType=one_of("Debit", "Credit"),
    AccountRef=REF,
    Entity=record(Type=text(), EntityRef=REF),
    ClassRef=REF,
    DepartmentRef=REF,
    TaxCodeRef=REF,
    TaxApplicableOn=text(),
    TaxAmount=MONEY,
    TaxInclusiveAmt=MONEY,
    BillableStatus=text(),
    JournalCodeRef=REF,
)
LINE: dict[str, Kind] = {
    "Id": text(),
    "LineNum": WHOLE,
    "Description": text(4000),
    "Amount": MONEY,
    "DetailType": text(),
    "LinkedTxn": LINKS,
    "CustomField": CUSTOM_FIELDS,
    "LineEx": ANY,
}
SALES_LINES = many(
    record(
        **LINE,
        SalesItemLineDetail=SALES_ITEM,
        DiscountLineDetail=DISCOUNT,
        SubTotalLineDetail=ANY,
        SubtotalLineDetail=ANY,
        DescriptionLineDetail=record(ServiceDate=text(), TaxCodeRef=REF),
        GroupLineDetail=ANY,
    )
)
TAX_DETAIL = record(
    TotalTax=MONEY,
    TxnTaxCodeRef=REF,
    TaxLine=many(
        record(
            Id=text(),
            LineNum=WHOLE,
            Amount=MONEY,
            DetailType=text(),
            TaxLineDetail=record(
                TaxRateRef=REF,
                PercentBased=BOOL,
                TaxPercent=NUMBER,
                NetAmountTaxable=MONEY,
                TaxInclusiveAmount=MONEY,
                OverrideDeltaAmount=MONEY,
            ),
        )
    ),
)
TRANSACTION: dict[str, Kind] = {
    **BASE,
    "DocNumber": text(21),
    "TxnDate": DATE,
    "PrivateNote": text(4000),
    "ExchangeRate": NUMBER,
    "TxnStatus": text(),
    "TxnSource": text(),
    "TransactionLocationType": text(),
    "LinkedTxn": LINKS,
    "CurrencyRef": REF,
    "DepartmentRef": REF,
    "TotalAmt": MONEY,
    "HomeTotalAmt": MONEY,
    "TxnTaxDetail": TAX_DETAIL,
    "TaxExemptionRef": REF,
    "RecurDataRef": REF,
    "CustomField": CUSTOM_FIELDS,
}
SALES: dict[str, Kind] = {
    **TRANSACTION,
    "AutoDocNumber": BOOL,
    "Line": SALES_LINES,
    "GlobalTaxCalculation": one_of("TaxExcluded", "TaxInclusive", "NotApplicable"),
    "Balance": MONEY,
    "HomeBalance": MONEY,
    "BillAddr": ADDRESS,
    "ShipAddr": ADDRESS,
    "ShipFromAddr": ADDRESS,
    "BillEmail": EMAIL,
    "BillEmailCc": EMAIL,
    "BillEmailBcc": EMAIL,
    "CustomerMemo": record(value=text(1000)),
    "PONumber": text(15),
    "ApplyTaxAfterDiscount": BOOL,
    "FreeFormAddress": BOOL,
    "PrintStatus": one_of("NotSet", "NeedToPrint", "PrintComplete"),
    "EmailStatus": one_of("NotSet", "NeedToSend", "EmailSent"),
    "DeliveryInfo": ANY,
    **dict.fromkeys(
        ("CustomerRef", "SalesTermRef", "ClassRef", "ProjectRef", "DepositToAccountRef"), REF
    ),
}
INVOICE: dict[str, Kind] = {
    **SALES,
    "DueDate": DATE,
    "ShipDate": DATE,
    "TrackingNum": text(),
    "ShipMethodRef": REF,
    "Deposit": MONEY,
    "InvoiceLink": text(),
    "EInvoiceStatus": text(),
    "AllowIPNPayment": BOOL,
    "AllowOnlinePayment": BOOL,
    "AllowOnlineCreditCardPayment": BOOL,
    "AllowOnlineACHPayment": BOOL,
}
CREDIT_MEMO: dict[str, Kind] = {
    **SALES,
    "RemainingCredit": MONEY,
    "PaymentMethodRef": REF,
    "InvoiceRef": REF,
}
PAYMENT: dict[str, Kind] = {
    **TRANSACTION,
    "Line": many(record(**LINE)),
    "PaymentRefNum": text(21),
    "PaymentType": text(),
    "CreditCardPayment": ANY,
    "CheckPayment": ANY,
    "UnappliedAmt": MONEY,
    "ProcessPayment": BOOL,
    **dict.fromkeys(
        ("CustomerRef", "ARAccountRef", "DepositToAccountRef", "PaymentMethodRef", "ProjectRef"),
        REF,
    ),
}
JOURNAL_ENTRY: dict[str, Kind] = {
    **TRANSACTION,
    "Adjustment": BOOL,
    "HomeCurrencyAdjustment": BOOL,
    "GlobalTaxCalculation": one_of("TaxExcluded", "TaxInclusive", "NotApplicable"),
    "Line": many(record(**LINE, JournalEntryLineDetail=JOURNAL, DescriptionLineDetail=ANY)),
}
